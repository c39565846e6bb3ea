"""Archives that are unpacked, and those that must not be."""

from __future__ import annotations

import io
import os
import shutil
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from nanomot.errors import NanomotError
from nanomot.evaluation import unpack as unpacking
from nanomot.evaluation.unpack import unpack

FILES = {"train/a/seqinfo.ini": b"[Sequence]\n", "train/a/img1/1.jpg": bytes(range(256)) * 2000, "train/b/empty": b""}


def zipped(path, files, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items() if isinstance(files, dict) else files:
            archive.writestr(name, content)
    return path


def tarred(path, files, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def tree(folder):
    """Every file below a folder, with its content."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def raw_entry(name, kind=0, content=b"x"):
    """A zip entry as no well-behaved program writes it."""
    entry = zipfile.ZipInfo("placeholder")
    entry.filename = entry.orig_filename = name
    entry.external_attr = (kind | 0o777) << 16
    return entry, content


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_zip(tmp_path, compression):
    sizes = unpack(zipped(tmp_path / "a.zip", FILES, compression), tmp_path / "new" / "out")
    assert tree(tmp_path / "new" / "out") == FILES
    assert sizes == {name: len(content) for name, content in FILES.items()}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_tar(tmp_path, mode):
    path = tarred(tmp_path / "a.tar", {f"./{name}": content for name, content in FILES.items()}, mode)
    assert set(unpack(path, tmp_path / "out")) == set(FILES)
    assert tree(tmp_path / "out") == FILES


def test_the_content_decides_what_an_archive_is(tmp_path):
    """A tar that ends in a zip file is a tar, although zip readers look for zips at the end."""
    inner = zipped(tmp_path / "inner.zip", {"evil": b"x"}).read_bytes()
    unpack(tarred(tmp_path / "a.zip", {"inner.zip": inner}), tmp_path / "out")
    assert tree(tmp_path / "out") == {"inner.zip": inner}


def test_places_are_the_callers(tmp_path):
    def arrange(paths):
        return [("there", path[-1]) if "a" in path else None for path in paths]

    sizes = unpack(zipped(tmp_path / "a.zip", FILES), tmp_path / "out", arrange)
    assert sorted(sizes) == sorted(tree(tmp_path / "out")) == ["there/1.jpg", "there/seqinfo.ini"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("/etc/passwd", "not below a folder"),
        ("//server/share/x", "not below a folder"),
        ("", "not below a folder"),
        ("./", "not below a folder"),
        ("../x", "leads out"),
        ("train/../../x", "leads out"),
        ("train/..", "leads out"),
        ("..\\x", "a character in its path"),
        ("train\\x", "a character in its path"),
        ("C:/x", "a character in its path"),
        ("c:x", "a character in its path"),
        ("file:stream", "a character in its path"),
        ("a\x00b", "a character in its path"),
        ("a\nb", "a character in its path"),
        ("train/what?", "a character in its path"),
        ("train/NUL", "a name in its path"),
        ("train/com1.txt", "a name in its path"),
        ("train./x", "a name in its path"),
        ("train/x ", "a name in its path"),
        ("train/...", "a name in its path"),
    ],
)
def test_paths_that_leave_the_folder(tmp_path, name, reason):
    path = zipped(tmp_path / "a.zip", [("good", b"1"), raw_entry(name)])
    with pytest.raises(NanomotError, match=rf"a\.zip: its member .*{reason}.*; nothing was unpacked"):
        unpack(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    if name and "\x00" not in name:
        with pytest.raises(NanomotError, match=reason):
            unpack(tarred(tmp_path / "a.tar", {name: b"x"}), tmp_path / "out")


def test_evil_folders_count_as_well(tmp_path):
    with pytest.raises(NanomotError, match="leads out"):
        unpack(zipped(tmp_path / "a.zip", [raw_entry("../evil/", stat.S_IFDIR, b"")]), tmp_path / "out")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK])
def test_links_and_devices_in_zips(tmp_path, kind):
    path = zipped(tmp_path / "a.zip", [("good", b"1"), raw_entry("train/x", kind, b"/etc/passwd")])
    with pytest.raises(NanomotError, match="'train/x' is a link or a device"):
        unpack(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE],
)
def test_links_and_devices_in_tars(tmp_path, kind):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        entry = tarfile.TarInfo("train/x")
        entry.type, entry.linkname = kind, "/etc/passwd"
        archive.addfile(entry)
    with pytest.raises(NanomotError, match=r"a\.tar: "):
        unpack(tmp_path / "a.tar", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_links_that_lie_in_the_target(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    try:
        (tmp_path / "out" / "train").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    except OSError:
        pytest.skip("this system makes no links")
    with pytest.raises(NanomotError, match=r"train.* is a link that leads out"):
        unpack(zipped(tmp_path / "a.zip", FILES), tmp_path / "out")
    assert tree(tmp_path / "elsewhere") == {}


def test_a_target_that_is_a_link_and_files_that_are(tmp_path):
    """A data root on another disk is fine; a linked file is replaced, what it links to is not written."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "precious").write_bytes(b"mine")
    try:
        (tmp_path / "out").symlink_to(tmp_path / "disk", target_is_directory=True)
        (tmp_path / "disk" / "f").symlink_to(tmp_path / "precious")
        (tmp_path / "disk" / "f.part").symlink_to(tmp_path / "precious")
    except OSError:
        pytest.skip("this system makes no links")
    unpack(zipped(tmp_path / "a.zip", {"f": b"new"}), tmp_path / "out")
    assert tree(tmp_path / "disk") == {"f": b"new"}
    assert (tmp_path / "precious").read_bytes() == b"mine"


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    "names",
    [
        ("a/x", "a/x"),
        ("a/x", "a/X"),
        ("a/x", "A/y"),
        ("a/é", "a/e\u0301"),  # composed, and e with an accent behind it
        ("a", "a/x"),
        ("a/x", "a"),
    ],
)
def test_members_that_need_the_same_place(tmp_path, names):
    path = zipped(tmp_path / "a.zip", [(names[0], b"1"), (names[1], b"2")])
    with pytest.raises(NanomotError, match="need the same place; nothing was unpacked"):
        unpack(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_is_there_twice(tmp_path):
    path = zipped(tmp_path / "a.zip", [("x", b"1"), ("x", b"1"), ("y", b"2")])
    assert unpack(path, tmp_path / "out") == {"x": 1, "y": 1}


def test_encrypted_members(tmp_path):
    content = bytearray(zipped(tmp_path / "a.zip", {"x": b"1"}).read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(NanomotError, match="'x' is encrypted"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_bombs_meet_the_free_space(tmp_path, monkeypatch):
    path = zipped(tmp_path / "a.zip", {"a": bytes(3_000_000), "b": bytes(3_000_000)})
    assert path.stat().st_size < 20_000
    usage = shutil.disk_usage(tmp_path)._replace(free=5_000_000)
    monkeypatch.setattr(unpacking.shutil, "disk_usage", lambda place: usage)
    with pytest.raises(NanomotError, match=r"0\.01 GB are needed to unpack a\.zip, but 0\.01 GB are free"):
        unpack(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").write_bytes(bytes(3_000_000))
    assert len(unpack(path, tmp_path / "out")) == 2, "what is there already needs no space"


@pytest.mark.parametrize("kind", [zipped, tarred])
def test_few_bytes_that_stand_for_very_many(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(unpacking, "_MUCH", 2_000_000)
    modes = {} if kind is zipped else {"mode": "w:xz"}
    with pytest.raises(NanomotError, match=r"a\.zip: would unpack to 0\.0 GB, \d+ times its own size.*nothing was"):
        unpack(kind(tmp_path / "a.zip", {"a": bytes(1_500_000), "b": bytes(1_500_000)}, **modes), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    unpack(kind(tmp_path / "b.zip", {"a": bytes(1_500_000)}, **modes), tmp_path / "out")
    unpack(kind(tmp_path / "c.zip", {"a": os.urandom(2_500_000)}, **modes), tmp_path / "out")


@pytest.mark.parametrize("stated", [10, 500_000])
def test_sizes_that_are_not_true(tmp_path, stated):
    """More bytes than the list of files states never reach the disk under the file's name, nor do fewer."""
    content = bytearray(zipped(tmp_path / "a.zip", {"x": bytes(100_000)}).read_bytes())
    at = content.index(b"PK\x01\x02") + 24
    content[at : at + 4] = stated.to_bytes(4, "little")
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(NanomotError, match="'x' is damaged"):
        unpack(tmp_path / "a.zip", tmp_path / "out")
    assert tree(tmp_path / "out") == {}


def test_a_reader_that_gives_more_than_stated_is_stopped(tmp_path, monkeypatch):
    path = zipped(tmp_path / "a.zip", {"x": b"12345"})
    monkeypatch.setattr(unpacking._ZipSource, "open", lambda self, member: io.BytesIO(bytes(1000)))
    with pytest.raises(NanomotError, match="its length is not the 5 bytes that are stated"):
        unpack(path, tmp_path / "out")
    assert tree(tmp_path / "out") == {}


def test_damaged_content(tmp_path):
    content = bytearray(zipped(tmp_path / "a.zip", FILES, zipfile.ZIP_STORED).read_bytes())
    content[content.index(FILES["train/a/img1/1.jpg"]) + 5] ^= 1
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(NanomotError, match=r"a\.zip: its member 'train/a/img1/1.jpg' is damaged .*delete the archive"):
        unpack(tmp_path / "a.zip", tmp_path / "out")
    assert tree(tmp_path / "out") == {"train/a/seqinfo.ini": FILES["train/a/seqinfo.ini"]}


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04 but no more"])
def test_what_is_no_archive(tmp_path, content):
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(NanomotError, match=r"a\.zip: cannot be read as a zip or tar archive"):
        unpack(tmp_path / "a.zip", tmp_path / "out")
    with pytest.raises(NanomotError, match=r"none\.zip: cannot be read"):
        unpack(tmp_path / "none.zip", tmp_path / "out")


def test_truncated_archives(tmp_path):
    whole = zipped(tmp_path / "a.zip", FILES).read_bytes()
    (tmp_path / "a.zip").write_bytes(whole[:-30])
    with pytest.raises(NanomotError, match="cannot be read"):
        unpack(tmp_path / "a.zip", tmp_path / "out")
    packed = tarred(tmp_path / "a.tar.gz", {"x": os.urandom(100_000), "y": b"2"}, "w:gz").read_bytes()
    (tmp_path / "a.tar.gz").write_bytes(packed[:50_000])
    with pytest.raises(NanomotError, match="its list of files is damaged"):
        unpack(tmp_path / "a.tar.gz", tmp_path / "out")


def test_interrupted_in_the_middle_of_a_file(tmp_path, monkeypatch):
    path = zipped(tmp_path / "a.zip", {"a": b"1" * 10, "b": b"2" * 10, "c": b"3" * 10})
    real, seen = unpacking._ZipSource.open, []

    def opened(self, member):
        seen.append(member.name)
        stream = real(self, member)
        if member.name == "b" and len(seen) == 2:
            stream.read(5)
            raise KeyboardInterrupt
        return stream

    monkeypatch.setattr(unpacking._ZipSource, "open", opened)
    with pytest.raises(KeyboardInterrupt):
        unpack(path, tmp_path / "out")
    assert tree(tmp_path / "out") == {"a": b"1" * 10}
    unpack(path, tmp_path / "out")
    assert seen == ["a", "b", "b", "c"]
    assert tree(tmp_path / "out") == {"a": b"1" * 10, "b": b"2" * 10, "c": b"3" * 10}


def test_leftovers_and_wrong_content_are_replaced(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.part").write_bytes(b"half")
    (tmp_path / "out" / "a").write_bytes(b"X" * 10)
    unpack(zipped(tmp_path / "a.zip", {"a": b"1" * 10}), tmp_path / "out")
    assert tree(tmp_path / "out") == {"a": b"1" * 10}


def test_disk_full(tmp_path, monkeypatch):
    path = zipped(tmp_path / "a.zip", {"a": b"1", "b": b"2"})
    real = Path.open

    class Full(io.BytesIO):
        def write(self, block):
            raise OSError(28, "No space left on device")

    def opened(self, mode="r", *rest, **more):
        file = real(self, mode, *rest, **more)
        if self.name != "b.part":
            return file
        file.close()
        return Full()

    monkeypatch.setattr(Path, "open", opened)
    with pytest.raises(NanomotError, match=r"b: cannot be written \(No space left on device\); run it again"):
        unpack(path, tmp_path / "out")
    assert tree(tmp_path / "out") == {"a": b"1"}
    monkeypatch.undo()
    unpack(path, tmp_path / "out")
    assert tree(tmp_path / "out") == {"a": b"1", "b": b"2"}


def test_unwritable_places(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "train").write_text("a file")
    with pytest.raises(NanomotError, match="cannot be written"):
        unpack(zipped(tmp_path / "a.zip", FILES), tmp_path / "out")
