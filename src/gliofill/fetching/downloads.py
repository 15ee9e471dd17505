"""Downloads that appear under their name only when their checksum is right.

Only the subcommand ``fetch`` imports this module: nothing else in the package opens a connection.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gliofill import __version__
from gliofill.errors import GliofillError

TRIES = 2
#: nothing may be unpacked on the way: the checksum is that of the packed file
HEADERS = {"User-Agent": f"gliofill/{__version__}", "Accept-Encoding": "identity"}
#: seconds without a byte after which a connection counts as broken
PATIENCE_S = 30.0


class DownloadError(GliofillError):
    """A download that did not succeed; trying again may help."""


@dataclass(frozen=True)
class RemoteFile:
    """A file on a server, and how to know that it came whole.

    Attributes
    ----------
    address
        URL.
    checksum
        Algorithm and hexadecimal digits, ``md5:…``.
    """

    address: str
    checksum: str

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.address.rsplit("/", 1)[1]

    def is_whole(self, path: Path) -> bool:
        """Tell whether a local copy is there and unchanged."""
        import pooch  # takes half a second to load, and the parser of the command line imports this module

        algorithm, digits = self.checksum.split(":")
        return path.is_file() and str(pooch.file_hash(path, alg=algorithm)) == digits


def download(file: RemoteFile, folder: Path, *, log: Callable[[str], None], patience_s: float = PATIENCE_S) -> Path:
    """Bring a file into a folder unless it is there.

    Parameters
    ----------
    file
        What to download.
    folder
        Made if it does not exist.
    log
        Receives lines of text.
    patience_s
        Seconds without a byte after which the connection counts as broken.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DownloadError
        If the server cannot be reached, breaks off, refuses, or sends something else.
    """
    import pooch
    from requests import RequestException

    path = folder / file.name
    if file.is_whole(path):
        log(f"{path}: is there already, checksum right")
        return path
    pooch.get_logger().setLevel("ERROR")
    urls, registry = {file.name: file.address}, {file.name: file.checksum}
    fetcher = pooch.create(folder, base_url="", urls=urls, registry=registry, retry_if_failed=TRIES - 1)
    connection = pooch.HTTPDownloader(timeout=patience_s, headers=HEADERS)
    try:
        fetcher.fetch(file.name, downloader=connection)
    except RequestException as error:
        reason = str(error).splitlines()[0]
        raise DownloadError(f"{file.address}: the download failed ({reason}); run the same command again") from error
    except ValueError as error:
        raise DownloadError(
            f"{file.address}: what came does not have the checksum {file.checksum} and was thrown away; "
            "run the same command again, or try another mirror"
        ) from error
    log(f"{path}: {path.stat().st_size} bytes, checksum right")
    return path
