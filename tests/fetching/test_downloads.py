"""Downloads: whole or not at all, never while offline."""

import ast
import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import numpy as np
import pytest

from gliofill.cli.main import main
from gliofill.config.parsing import parse_config, share_folder
from gliofill.errors import GliofillError
from gliofill.fetching.assets import ASSETS, Asset
from gliofill.fetching.downloads import TRIES, DownloadError, RemoteFile, download

CONTENT = bytes(np.random.default_rng(0).integers(0, 256, size=300_000, dtype=np.uint8))


@dataclass
class Server:
    """A server that may misbehave.

    Attributes
    ----------
    cut_after
        Bytes after which each of the next connections is cut.
    """

    address: str = ""
    content: bytes = CONTENT
    cut_after: list[int] = field(default_factory=list)
    stalls: bool = False
    requests: list[str] = field(default_factory=list)

    @property
    def file(self) -> RemoteFile:
        """What it has, as its name and checksum say."""
        return RemoteFile(f"{self.address}/data/thing.bin", f"md5:{hashlib.md5(CONTENT).hexdigest()}")


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            state.requests.append(self.path)
            if not self.path.startswith("/data/"):
                return self.send_error(404)
            body = state.content
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if state.stalls:
                time.sleep(1)
            self.wfile.write(body[: state.cut_after.pop(0)] if state.cut_after else body)
            self.close_connection = True
            return None

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        state.address = f"http://127.0.0.1:{http.server_port}"
        thread = Thread(target=http.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield state
        http.shutdown()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a failed try be followed by the next at once."""
    monkeypatch.setattr("pooch.core.time", SimpleNamespace(sleep=lambda seconds: None))


def bring(server: Server, folder: Path, patience_s: float = 5) -> list[str]:
    said: list[str] = []
    assert download(server.file, folder, log=said.append, patience_s=patience_s).read_bytes() == CONTENT
    assert [path.name for path in folder.iterdir()] == ["thing.bin"]
    return said


def test_a_file_comes_once(server: Server, tmp_path: Path) -> None:
    bring(server, tmp_path / "new")
    assert "is there already" in bring(server, tmp_path / "new")[0]
    assert server.requests == ["/data/thing.bin"]


def test_a_cut_connection_is_tried_again(server: Server, tmp_path: Path) -> None:
    server.cut_after = [100_000]
    bring(server, tmp_path)
    assert len(server.requests) == 2


def test_a_connection_that_breaks_again_and_again_leaves_nothing(server: Server, tmp_path: Path) -> None:
    server.cut_after = [90_000] * TRIES
    with pytest.raises(DownloadError, match=r"the download failed \(.*\); run the same command again") as caught:
        bring(server, tmp_path)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())
    bring(server, tmp_path)


@pytest.mark.parametrize(
    "content",
    [CONTENT[::-1], CONTENT + b"more", b"<html>sorry</html>"],
    ids=["other bytes", "too long", "an error page"],
)
def test_something_else_is_never_kept_under_the_name(server: Server, tmp_path: Path, content: bytes) -> None:
    server.content = content
    with pytest.raises(DownloadError, match="does not have the checksum md5:"):
        bring(server, tmp_path)
    assert not list(tmp_path.iterdir())
    server.content = CONTENT
    bring(server, tmp_path)


def test_a_damaged_copy_is_replaced(server: Server, tmp_path: Path) -> None:
    (tmp_path / "thing.bin").write_bytes(CONTENT[:-1] + b"x")
    bring(server, tmp_path)


def test_a_refusal_and_a_silent_server_are_reported_in_one_line(server: Server, tmp_path: Path) -> None:
    missing = RemoteFile(f"{server.address}/elsewhere/thing.bin", "md5:0")
    with pytest.raises(DownloadError, match="404"):
        download(missing, tmp_path, log=print)
    server.stalls = True
    with pytest.raises(DownloadError, match="timed out"):
        bring(server, tmp_path, patience_s=0.05)
    nobody = RemoteFile("http://127.0.0.1:9/data/thing.bin", "md5:0")
    with pytest.raises(DownloadError, match="refused"):
        download(nobody, tmp_path, log=print)


@pytest.fixture
def thing(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    asset = Asset("a thing", "nobody's", "http://unreachable.invalid", {"head_template": server.file})
    far = RemoteFile("http://unreachable.invalid/data/thing.bin", server.file.checksum)
    monkeypatch.setitem(ASSETS, "head", Asset(asset.what, asset.licence, asset.root, {"head_template": far}))
    return server


def test_offline_asks_nobody_and_checks_what_is_there(
    thing: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["fetch", "head", "--to", str(tmp_path)]
    assert main([*words, "--offline"]) == 2
    text = capsys.readouterr().err
    assert "thing.bin: is not there, and --offline forbids downloading it" in text and len(text.splitlines()) == 1
    assert main([*words, "--mirror", f"{thing.address}/"]) == 0
    assert f"head_template: {tmp_path / 'thing.bin'}" in capsys.readouterr().out
    assert main([*words, "--offline"]) == 0 and len(thing.requests) == 1
    (tmp_path / "thing.bin").write_bytes(CONTENT[1:])
    assert main([*words, "--offline"]) == 2 and len(thing.requests) == 1
    thing.content = CONTENT[1:]
    assert main([*words, "--mirror", thing.address]) == 1
    assert "gliofill: " in capsys.readouterr().err


@pytest.mark.slow
def test_only_the_subcommand_fetch_can_open_the_network() -> None:
    network = {
        "urllib.request",
        "http.client",
        "requests",
        "pooch",
        "socket",
        "ftplib",
        "httpx",
        "aiohttp",
        "gliofill.fetching.downloads",
    }
    source = Path(share_folder() / "src" / "gliofill")
    users = {}
    for path in source.rglob("*.py"):
        tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        imported = {name.name for node in tree if isinstance(node, ast.Import) for name in node.names}
        tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        imported |= {str(node.module) for node in tree if isinstance(node, ast.ImportFrom)}
        if imported & network:
            users[path.relative_to(source).as_posix()] = imported & network
    assert set(users) == {"fetching/downloads.py", "fetching/assets.py", "cli/fetch.py"}, users


def test_a_head_template_needs_its_mask_and_both_must_be_there(tmp_path: Path) -> None:
    (tmp_path / "head.nii.gz").touch()
    config = {"bids_dir": "b", "output_dir": "o", "preprocess": {"head_template": "head.nii.gz"}}
    with pytest.raises(GliofillError, match="go together"):
        parse_config(config, tmp_path)
    config["preprocess"] = {"head_template": "head.nii.gz", "head_template_mask": "mask.nii.gz"}
    with pytest.raises(GliofillError, match=r"head_template_mask: .*mask.nii.gz: no such file \(see gliofill fetch\)"):
        parse_config(config, tmp_path)
    (tmp_path / "mask.nii.gz").touch()
    with pytest.raises(GliofillError, match="used only by brain_mask: template"):
        parse_config(config, tmp_path)
    config["preprocess"]["brain_mask"] = "template"
    assert parse_config(config, tmp_path).preprocess.head_template == tmp_path / "head.nii.gz"
