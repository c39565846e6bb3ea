"""``nanomot data``, with a server on this machine."""

from __future__ import annotations

import hashlib
import http.server
import io
import shutil
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from nanomot.cli.main import main
from nanomot.evaluation import unpack as unpacking

INI = b"[Sequence]\nseqLength=2\nframeRate=25\n"


def sequences(*names):
    """A zip file of sequences, as bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{names[0].split('/')[0]}/README", b"read me")
        for name in names:
            archive.writestr(f"{name}/seqinfo.ini", INI)
            archive.writestr(f"{name}/img1/000001.jpg", hashlib.sha256(name.encode()).digest() * 5000)
    return buffer.getvalue()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves ``contents``, from a byte on where that is asked for, and breaks off after ``cut`` bytes."""

    contents: dict[str, bytes] = {}  # noqa: RUF012
    asked: list[tuple[str, str | None]] = []  # noqa: RUF012
    cut: int | None = None

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers.get("Range")))
        content = self.contents[self.path]
        begin = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        self.wfile.write(content[begin : Handler.cut])

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch) -> Iterator[str]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    Handler.contents = {
        "/mine.zip": sequences("mine/train/A", "mine/train/B", "mine/test/C"),
        "/train1.zip": sequences("train1/D"),
        "/val.zip": sequences("val/E"),
    }
    Handler.asked.clear()
    Handler.cut = None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


@pytest.fixture
def benchmark(server, tmp_path):
    """Writes a benchmark's YAML file and returns the command that fetches it."""

    def write(archives=None, **more):
        content = {
            "folder": "Mine",
            "preprocessing": "MOT17",
            "splits": {"train": "train", "val": "val", "test": "test"},
            "sequences": {"train": ["A", "B"], "test": ["C"]},
            "address": "https://example.org/mine",
            "licence": "for everyone",
            "archives": archives or [{"url": f"{server}/mine.zip"}],
            **more,
        }
        (tmp_path / "Mine.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        return ["data", "download", str(tmp_path / "Mine.yaml"), "--data-root", str(tmp_path / "root")]

    return write


@pytest.fixture
def root(tmp_path) -> Path:
    return tmp_path / "root" / "Mine"


def digest_of(name):
    return hashlib.sha256(Handler.contents[name]).hexdigest()


def test_fetched_unpacked_and_counted(benchmark, root, capsys):
    command = benchmark()
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "Mine: for everyone (https://example.org/mine)" in printed
    assert f"mine.zip: sha256 {digest_of('/mine.zip')} (no official one is known" in printed
    assert "mine.zip: 6 files; the archive is deleted" in printed
    assert f"{root}: train 2 of 2, test 1 of 1 sequences" in printed
    assert (root / "train" / "A" / "seqinfo.ini").read_bytes() == INI
    assert sorted(path.name for path in root.iterdir()) == ["mine.zip.json", "test", "train"]
    assert main(command) == 0
    assert "mine.zip: already here (6 files)" in capsys.readouterr().out
    assert len(Handler.asked) == 1


def test_the_archive_can_be_kept_and_mends_what_is_missing(benchmark, root):
    command = [*benchmark(), "--keep-archive"]
    assert main(command) == 0
    assert (root / "mine.zip").read_bytes() == Handler.contents["/mine.zip"]
    (root / "train" / "A" / "seqinfo.ini").unlink()
    assert main(command) == 0
    assert (root / "train" / "A" / "seqinfo.ini").read_bytes() == INI
    assert len(Handler.asked) == 1


def test_an_interrupted_download_goes_on(benchmark, server, root, capsys):
    content = Handler.contents["/mine.zip"]
    command = benchmark([{"url": f"{server}/mine.zip", "size": len(content), "sha256": digest_of("/mine.zip")}])
    Handler.cut = 700
    assert main(command) == 2
    assert f"ended after 700 of {len(content)} bytes; run it again to continue" in capsys.readouterr().err
    assert [path.name for path in root.iterdir()] == ["mine.zip.part"]
    Handler.cut = None
    assert main(command) == 0
    assert Handler.asked == [("/mine.zip", None), ("/mine.zip", "bytes=700-")]
    assert "train 2 of 2" in capsys.readouterr().out


def test_an_interrupted_unpacking_goes_on(benchmark, root, monkeypatch, capsys):
    command = benchmark()
    real = unpacking._ZipSource.open

    def opened(self, member):
        if "B/" in member.name:
            raise KeyboardInterrupt
        return real(self, member)

    monkeypatch.setattr(unpacking._ZipSource, "open", opened)
    assert main(command) == 130
    assert (root / "mine.zip").is_file()
    assert not (root / "train" / "B").exists() or not list((root / "train" / "B").iterdir())
    monkeypatch.setattr(unpacking._ZipSource, "open", real)
    assert main(command) == 0
    assert len(Handler.asked) == 1
    assert "train 2 of 2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({"sha256": "0" * 64}, "instead of 0000000000"),
        ({"size": 17}, "bytes instead of 17"),
    ],
)
def test_what_is_not_the_official_file(benchmark, server, root, capsys, known, words):
    assert main(benchmark([{"url": f"{server}/mine.zip", **known}])) == 2
    error = capsys.readouterr().err
    assert words in error
    assert "nothing was kept" in error
    assert error.endswith(f"can be put into {root} instead.\n")
    assert list(root.iterdir()) == []


def test_a_file_that_the_user_put_there(benchmark, server, root, capsys):
    command = benchmark([{"url": f"{server}/mine.zip", "sha256": digest_of("/mine.zip")}])
    root.mkdir(parents=True)
    (root / "mine.zip").write_bytes(b"something else")
    assert main(command) == 2
    assert "mine.zip: its sha256 is" in capsys.readouterr().err
    assert (root / "mine.zip").read_bytes() == b"something else"
    assert main(benchmark([{"url": f"{server}/mine.zip", "size": 15}])) == 2
    assert "mine.zip: has 14 bytes instead of 15; delete it" in capsys.readouterr().err
    (root / "mine.zip").write_bytes(Handler.contents["/mine.zip"])
    assert main(benchmark()) == 0
    assert Handler.asked == []


def test_a_later_download_is_compared_with_the_first(benchmark, root, capsys):
    command = benchmark()
    assert main(command) == 0
    first = digest_of("/mine.zip")
    shutil.rmtree(root / "train")
    Handler.contents["/mine.zip"] = sequences("mine/train/A", "mine/train/B", "mine/test/C", "mine/test/X")
    assert main(command) == 2
    error = capsys.readouterr().err
    assert f"its sha256 is {digest_of('/mine.zip')}, but the archive that was unpacked here before had {first}" in error
    assert "delete mine.zip to fetch it again (it may be damaged), or" in error
    (root / "mine.zip.json").unlink()
    assert main(command) == 0
    assert "test 2 of 1" in capsys.readouterr().out
    assert len(Handler.asked) == 2


def test_an_unchanged_download_is_said_to_be(benchmark, root, capsys):
    command = benchmark()
    assert main(command) == 0
    shutil.rmtree(root / "train")
    assert main(command) == 0
    assert "(the same as before)" in capsys.readouterr().out


def test_a_damaged_download_does_not_forbid_the_sound_one(benchmark, root, capsys):
    command = benchmark()
    sound = Handler.contents["/mine.zip"]
    Handler.contents["/mine.zip"] = sound[:100] + bytes(100) + sound[200:]
    assert main(command) == 2
    assert "is damaged" in capsys.readouterr().err
    (root / "mine.zip").unlink()
    Handler.contents["/mine.zip"] = sound
    assert main(command) == 0
    assert "train 2 of 2" in capsys.readouterr().out


def test_archives_of_single_splits(benchmark, server, root, capsys):
    command = benchmark(
        [
            {"url": f"{server}/train1.zip", "split": "train", "folder": "train1"},
            {"url": f"{server}/val.zip", "split": "val"},
        ]
    )
    assert main([*command, "--split", "val"]) == 0
    assert [path for path, _ in Handler.asked] == ["/val.zip"]
    assert f"{root}: val 1 sequences" in capsys.readouterr().out
    assert main(command) == 0
    assert [path for path, _ in Handler.asked] == ["/val.zip", "/train1.zip"]
    printed = capsys.readouterr().out
    assert "val.zip: already here" in printed
    assert f"{root}: train 1 of 2, val 1 sequences" in printed
    assert (root / "train" / "D" / "seqinfo.ini").is_file()


@pytest.mark.parametrize("name", ["../../evil", "/evil", "mine/train/A/..\\..\\evil"])
def test_evil_archives_leave_nothing(benchmark, root, capsys, tmp_path, name):
    buffer = io.BytesIO(Handler.contents["/mine.zip"])
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(name, b"evil")
    Handler.contents["/mine.zip"] = buffer.getvalue()
    assert main(benchmark()) == 2
    assert "nothing was unpacked" in capsys.readouterr().err
    assert [path.name for path in root.iterdir()] == ["mine.zip"]
    assert not list(tmp_path.rglob("*evil*"))


def test_an_archive_of_something_else(benchmark, capsys):
    Handler.contents["/mine.zip"] = sequences("other/A")
    assert main(benchmark()) == 2
    assert "mine.zip: holds none of the folders train, val, test" in capsys.readouterr().err


def test_a_disk_that_is_too_small_is_known_before_the_download(benchmark, server, monkeypatch, capsys):
    usage = shutil.disk_usage("/")._replace(free=10**9)
    monkeypatch.setattr(unpacking.shutil, "disk_usage", lambda place: usage)
    assert main(benchmark([{"url": f"{server}/mine.zip", "size": 5 * 10**9}])) == 2
    assert "5.00 GB are needed for mine.zip, but 1.00 GB are free" in capsys.readouterr().err
    assert Handler.asked == []


def test_list(tmp_path, capsys):
    for name in ("MOT17-02-SDP", "MOT17-02-DPM"):
        (tmp_path / "MOT17" / "train" / name).mkdir(parents=True)
        (tmp_path / "MOT17" / "train" / name / "seqinfo.ini").write_bytes(INI)
    assert main(["data", "list", "--data-root", str(tmp_path)]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert "5.9 GB" in rows["MOT17"]
    assert "train 2 of 21, test 0 of 21" in rows["MOT17"]
    assert "https://motchallenge.net/data/MOT17/" in rows["MOT17"]
    assert "over 11.1 GB" in rows["DanceTrack"]
    assert "train 0 of 40, val 0 of 25, test 0 of 35" in rows["DanceTrack"]
    assert " ? " in rows["MOT15"]


def test_wrong_names_and_splits(benchmark, capsys, tmp_path):
    assert main(["data", "download", "MOT99"]) == 2
    assert "There is no benchmark 'MOT99'" in capsys.readouterr().err
    assert main([*benchmark(), "--split", "half"]) == 2
    assert "Mine has no split 'half'; it has train, val, test" in capsys.readouterr().err
    assert main(["data", "download", str(tmp_path)]) == 2
    assert "has no archive that could be fetched directly" in capsys.readouterr().err
    assert Handler.asked == []
