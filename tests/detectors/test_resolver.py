"""From names to files, and downloads from a server on this machine."""

from __future__ import annotations

import hashlib
import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from detectors.download import download
from detectors.zoo import resolve_model
from nanomot.errors import NanomotError

CONTENT = bytes(range(1, 256)) * 2000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT, whole or from a byte on; some paths misbehave."""

    ranges: list[str | None] = []  # noqa: RUF012
    conditions: list[str | None] = []  # noqa: RUF012
    file: tuple[bytes, dict[str, str], bool, int | None] = (b"", {}, True, None)

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.ranges.append(asked)
        self.conditions.append(self.headers.get("If-Range"))
        if self.path == "/gone":
            self.send_error(404)
        elif self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "http://example.invalid/model.onnx")
            self.end_headers()
        elif self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/model")
            self.end_headers()
        elif self.path == "/page":
            self.answer(b"\n<html>please log in</html>", 0)
        elif self.path == "/empty":
            self.answer(b"", 0)
        elif self.path == "/norange":
            self.answer(CONTENT, 0)
        elif self.path == "/cut":
            self.answer(CONTENT, 0, cut=100_000)
        elif self.path == "/versions":
            content, version, obeys, cut = Handler.file
            is_other = obeys and self.headers.get("If-Range") not in (None, *version.values())
            begin = int(asked.removeprefix("bytes=").rstrip("-")) if asked and not is_other else 0
            self.answer(content, begin, cut=cut, version=version)
        elif self.path == "/wrongpart":
            self.answer(CONTENT, 5)
        else:
            begin = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
            if begin >= len(CONTENT):
                self.send_error(416)
            else:
                self.answer(CONTENT, begin)

    def answer(self, content: bytes, begin: int, cut: int | None = None, version: dict[str, str] | None = None) -> None:
        self.send_response(206 if begin else 200)
        for name, value in (version or {}).items():
            self.send_header(name, value)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        self.wfile.write(content[begin:cut])

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Handler.ranges.clear()
    Handler.conditions.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The first of two folders named in NANOMOT_MODELS; the cache is empty."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "more").mkdir()
    monkeypatch.setenv("NANOMOT_MODELS", os.pathsep.join((str(tmp_path / "mine"), str(tmp_path / "more"))))
    monkeypatch.setenv("NANOMOT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "mine"


def listed(folder: Path, name: str, keys: str) -> None:
    (folder / "own.yaml").write_text(f"models: {{{name}: {{files: [{name}.onnx, other.onnx], {keys}}}}}\n")


def test_download_stores_checked_content(server: str, tmp_path: Path) -> None:
    target = tmp_path / "new" / "m.onnx"
    assert download(f"{server}/model", target, size=len(CONTENT), sha256=DIGEST) == target
    assert target.read_bytes() == CONTENT
    assert [entry.name for entry in target.parent.iterdir()] == ["m.onnx"]


def test_download_follows_redirects_to_allowed_places_only(server: str, tmp_path: Path) -> None:
    assert download(f"{server}/moved", tmp_path / "m.onnx").read_bytes() == CONTENT
    with pytest.raises(NanomotError, match="https addresses only"):
        download(f"{server}/elsewhere", tmp_path / "n.onnx")


def test_interrupted_download_is_continued(server: str, tmp_path: Path) -> None:
    target = tmp_path / "m.onnx"
    with pytest.raises(NanomotError, match=f"ended after 100000 of {len(CONTENT)} bytes"):
        download(f"{server}/cut", target)
    assert not target.exists()
    assert (tmp_path / "m.onnx.part").stat().st_size == 100_000
    download(f"{server}/model", target, sha256=DIGEST)
    assert Handler.ranges == [None, "bytes=100000-"]
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("versions", "asked"),
    [
        # What tells versions apart, before and after; the If-Range that the second request has.
        ([{"ETag": '"a"'}, {"ETag": '"a"'}], '"a"'),
        ([{"ETag": '"a"'}, {"ETag": '"b"'}], '"a"'),
        ([{"ETag": 'W/"a"', "Last-Modified": "Mon"}, {"Last-Modified": "Tue"}], "Mon"),
        ([{"ETag": 'W/"a"'}, {"ETag": 'W/"a"'}], None),
    ],
)
@pytest.mark.parametrize("obeys", [True, False])
def test_a_file_that_changes_in_between_is_not_spliced(
    server: str, tmp_path: Path, versions: list[dict[str, str]], asked: str | None, obeys: bool
) -> None:
    """``obeys``: whether the server knows If-Range."""
    target = tmp_path / "m.onnx"
    changed = versions[0] != versions[1]
    old, new = CONTENT[::-1] if changed else CONTENT, CONTENT
    Handler.file = (old, versions[0], obeys, 100_000)
    with pytest.raises(NanomotError, match="run it again to continue"):
        download(f"{server}/versions", target)
    Handler.file = (new, versions[1], obeys, None)
    assert download(f"{server}/versions", target).read_bytes() == new
    assert Handler.conditions[:2] == [None, asked]
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]
    assert len(Handler.ranges) == (3 if changed and not obeys else 2)


def test_servers_without_ranges_start_again(server: str, tmp_path: Path) -> None:
    (tmp_path / "m.onnx.part").write_bytes(b"x" * 1000)
    assert download(f"{server}/norange", tmp_path / "m.onnx").read_bytes() == CONTENT


def test_another_part_than_asked_for_is_refused(server: str, tmp_path: Path) -> None:
    (tmp_path / "m.onnx.part").write_bytes(CONTENT[:1000])
    with pytest.raises(NanomotError, match="another part"):
        download(f"{server}/wrongpart", tmp_path / "m.onnx")


def test_leftovers_that_are_too_long_are_thrown_away(server: str, tmp_path: Path) -> None:
    (tmp_path / "m.onnx.part").write_bytes(b"x" * (len(CONTENT) + 7))
    assert download(f"{server}/model", tmp_path / "m.onnx", sha256=DIGEST).read_bytes() == CONTENT


def test_a_wrong_length_is_known_before_the_bytes_come(server: str, tmp_path: Path) -> None:
    with pytest.raises(NanomotError, match=f"has {len(CONTENT)} bytes instead of 99; nothing was kept"):
        download(f"{server}/cut", tmp_path / "m.onnx", size=99)
    assert list(tmp_path.iterdir()) == []


def test_complete_leftovers_need_no_server(tmp_path: Path) -> None:
    (tmp_path / "m.onnx.part").write_bytes(CONTENT)
    assert download("https://example.invalid/m.onnx", tmp_path / "m.onnx", size=len(CONTENT)).exists()


@pytest.mark.parametrize(
    ("path", "checks", "message"),
    [
        ("model", {"sha256": "0" * 64}, f"sha256 is {DIGEST} instead of 0000"),
        ("model", {"size": 17}, f"has {len(CONTENT)} bytes instead of 17"),
        ("page", {}, "a web page came instead"),
        ("empty", {}, "the file is empty"),
        ("gone", {}, "the server answers 404"),
    ],
)
def test_what_is_not_the_file_is_not_kept(
    server: str, tmp_path: Path, path: str, checks: dict[str, object], message: str
) -> None:
    with pytest.raises(NanomotError, match=message):
        download(f"{server}/{path}", tmp_path / "m.onnx", **checks)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://example.com/m.onnx", "ftp://127.0.0.1/m.onnx"])
def test_other_addresses_are_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(NanomotError, match="https addresses only"):
        download(url, tmp_path / "m.onnx")


def test_unwritable_places_and_dead_servers_are_named(server: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NanomotError, match=r"m\.onnx: cannot be written"):
        download(f"{server}/model", tmp_path / "file" / "m.onnx")
    with pytest.raises(NanomotError, match="cannot be reached"):
        download("http://127.0.0.1:9/m.onnx", tmp_path / "m.onnx")


def test_existing_path_is_taken_as_it_is(mine: Path, tmp_path: Path) -> None:
    own = tmp_path / "something.onnx"
    own.write_bytes(b"\x08")
    model = resolve_model(own)
    assert (model.path, dict(model.manifest), model.entry) == (own, {}, None)
    known = tmp_path / "nanodet-g_416.onnx"
    known.write_bytes(b"\x08")
    assert resolve_model(str(known)).manifest["reg_max"] == 10


def test_users_folders_come_before_the_cache(mine: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache" / "models"
    cache.mkdir(parents=True)
    for folder in (cache, tmp_path / "more", mine):
        (folder / "nanodet-plus-m_416.onnx").write_bytes(b"\x08")
        assert resolve_model("NanoDet-Plus-m-416").path.parent == folder
    model = resolve_model("nanodet-plus-m_416.onnx")
    assert model.path.parent == mine
    assert model.entry is not None


def test_other_accepted_file_names_and_unlisted_files_are_found(mine: Path) -> None:
    (mine / "nanodet-m-0.5x_320_dist4.onnx").write_bytes(b"\x08")
    assert resolve_model("nanodet-m-0.5x").path.name == "nanodet-m-0.5x_320_dist4.onnx"
    (mine / "unlisted.onnx").write_bytes(b"\x08")
    assert resolve_model("unlisted.onnx").entry is None


def test_missing_model_is_fetched_once(server: str, mine: Path, tmp_path: Path) -> None:
    listed(mine, "shop", f"url: '{server}/model', sha256: {DIGEST}, manifest: {{classes: 2}}")
    model = resolve_model("Shop")
    assert model.path == tmp_path / "cache" / "models" / "shop.onnx"
    assert model.manifest == {"classes": 2}
    assert resolve_model("shop").path == model.path
    assert len(Handler.ranges) == 1


def test_failed_fetch_says_what_to_do_in_one_sentence(mine: Path, tmp_path: Path) -> None:
    listed(mine, "shop", "url: 'http://127.0.0.1:9/shop.onnx'")
    with pytest.raises(NanomotError) as caught:
        resolve_model("shop")
    text = str(caught.value)
    assert "fetch http://127.0.0.1:9/shop.onnx yourself and put it into" in text
    assert str(tmp_path / "cache" / "models") in text
    assert "\n" not in text


def test_models_without_direct_address_name_their_page(mine: Path) -> None:
    with pytest.raises(
        NanomotError, match=r"get the weights from https://drive\.google\.com/.*put nanodet-t_320\.onnx"
    ):
        resolve_model("nanodet-t")
    listed(mine, "shop", "kind: detector")
    with pytest.raises(NanomotError, match=r"get it from its authors and put shop\.onnx into"):
        resolve_model("shop")


def test_unknown_names_and_paths_are_told_apart(mine: Path, tmp_path: Path) -> None:
    with pytest.raises(
        NanomotError, match=r"neither a file nor the name of a detector.*did you mean nanodet-plus-m-416"
    ):
        resolve_model("nanodet-plsu-m-416")
    with pytest.raises(NanomotError, match="`nanomot models list` shows"):
        resolve_model("qqqqqq")
    with pytest.raises(NanomotError, match=r"there is no such model file; the zoo knows nanodet-m"):
        resolve_model(tmp_path / "nanodet-mm.onnx")
    with pytest.raises(NanomotError, match="is a folder"):
        resolve_model(tmp_path)


def test_models_of_another_kind_are_refused(mine: Path) -> None:
    listed(mine, "looks", "kind: reid")
    (mine / "looks.onnx").write_bytes(b"\x08")
    assert resolve_model("looks", "reid").path == mine / "looks.onnx"
    with pytest.raises(NanomotError, match="is a reid model, not a detector"):
        resolve_model("looks")
