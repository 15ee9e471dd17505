"""The one subcommand that opens the network."""

import argparse
import sys
from pathlib import Path


def fetch(arguments: argparse.Namespace) -> int:
    """Download what can be downloaded, once, into a folder of your choice; nothing else ever opens the network."""
    from gliofill.fetching.assets import ASSETS, fetch_asset
    from gliofill.fetching.downloads import DownloadError

    if not arguments.asset:
        for name, asset in ASSETS.items():
            print(f"{name}: {asset.what}\n  {asset.licence}")
        print("gliofill fetch NAME --to FOLDER downloads it; --offline only checks whether it is there")
        return 0
    folder = arguments.to.expanduser().resolve()
    asset = ASSETS[arguments.asset]
    try:
        files = fetch_asset(asset, folder, offline=arguments.offline, mirror=arguments.mirror)
    except DownloadError as error:
        print(f"gliofill: {error}", file=sys.stderr)
        return 1
    print(asset.licence)
    print("For your configuration:\npreprocess:")
    if "head_template" in asset.files:
        print("  brain_mask: template")
    for key, path in files.items():
        print(f"  {key}: {path}")
    return 0


SUBCOMMANDS = (fetch,)


def add_arguments(add: dict[str, argparse.ArgumentParser]) -> None:
    """Give the subcommand its arguments; `add` has a parser for every name."""
    from gliofill.fetching.assets import ASSETS

    parser = add["fetch"]
    parser.add_argument("asset", nargs="?", choices=list(ASSETS), help="without a name, lists what there is")
    parser.add_argument("--to", type=Path, default=Path(), metavar="DIR", help="folder; default: the current one")
    parser.add_argument(
        "--offline", action="store_true", help="never open the network: fail at once if a file is missing"
    )
    parser.add_argument(
        "--mirror", default="", metavar="URL", help="server to ask instead; the checksums stay the same"
    )
