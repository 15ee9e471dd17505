"""What can be downloaded: from where, under which licence, and what to do with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gliofill.errors import GliofillError
from gliofill.fetching.downloads import RemoteFile, download

#: the public address of TemplateFlow's archive, as the archive itself and its Python client (25.1.2) state it
TEMPLATEFLOW = "https://templateflow.s3.amazonaws.com"


@dataclass(frozen=True)
class Asset:
    """Files that belong together.

    Attributes
    ----------
    what
        One line for a list.
    licence
        Who owns it, under which terms.
    root
        Address that a mirror may stand in for.
    files
        For each key of the section ``preprocess`` of the configuration, the file that it wants.
    """

    what: str
    licence: str
    root: str
    files: Mapping[str, RemoteFile]

    def from_mirror(self, address: str) -> dict[str, RemoteFile]:
        """Return the files as a mirror has them; the checksums stay."""
        return {
            key: replace(file, address=file.address.replace(self.root, address.rstrip("/"), 1))
            for key, file in self.files.items()
        }


def _templateflow(name: str, md5: str) -> RemoteFile:
    template = name.split("_")[0]
    return RemoteFile(f"{TEMPLATEFLOW}/{template}/{name}", f"md5:{md5}")


ASSETS = {
    "head": Asset(
        "T1w head of MNI152NLin2009aSym with its brain mask, 1 mm, from TemplateFlow (14 MB): an average of real "
        "heads, where the built-in one has an artificial skull",
        "Copyright (C) 1993-2004 Louis Collins, McConnell Brain Imaging Centre, Montreal Neurological Institute, "
        "McGill University; free to use with this notice; cite https://doi.org/10.1016/j.neuroimage.2010.07.033",
        TEMPLATEFLOW,
        # the checksums are those of the archive's git-annex keys
        # (github.com/templateflow/tpl-MNI152NLin2009aSym, commit 4a9d06a)
        {
            "head_template": _templateflow(
                "tpl-MNI152NLin2009aSym_res-1_T1w.nii.gz", "13579fbd259953cecd32ff6a2f0bf981"
            ),
            "head_template_mask": _templateflow(
                "tpl-MNI152NLin2009aSym_res-1_desc-brain_mask.nii.gz", "04c66866c5b5a4289267dd607ee2e444"
            ),
        },
    )
}


def fetch_asset(
    asset: Asset, folder: Path, *, offline: bool = False, mirror: str = "", log: Callable[[str], None] = print
) -> dict[str, Path]:
    """Bring an asset into a folder, or only look whether it is there.

    Parameters
    ----------
    asset
        One of `ASSETS`.
    folder
        Where to.
    offline
        Refuse to download; files that are there are checked all the same.
    mirror
        Address that stands in for the asset's own.
    log
        Receives lines of text.

    Returns
    -------
    dict
        Files by the key of the configuration that wants them.

    Raises
    ------
    GliofillError
        If `offline` and a file is missing or damaged.
    DownloadError
        If a download did not succeed.
    """
    files = asset.from_mirror(mirror) if mirror else asset.files
    if offline:
        for file in files.values():
            path = folder / file.name
            if not file.is_whole(path):
                state = "is damaged" if path.is_file() else "is not there"
                raise GliofillError(
                    f"{path}: {state}, and --offline forbids downloading it; run this without --offline where there "
                    f"is a network ({file.address}), and copy the folder"
                )
            log(f"{path}: is already there, checksum correct")
        return {key: folder / file.name for key, file in files.items()}
    return {key: download(file, folder, log=log) for key, file in files.items()}
