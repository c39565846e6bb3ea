from __future__ import annotations

import pytest

from nanomot import NanomotError
from nanomot.evaluation.result_files import FRAME, read_tracks
from nanomot.evaluation.smoothed_files import RECORD, smooth_files
from tests.evaluation.tracks import straight
from tests.evaluation.written import write_tracks


@pytest.fixture
def folders(tmp_path):
    """Two result files with a gap each, where a tracker without smoothing writes them."""
    for name, start in (("a", 100.0), ("b", 300.0)):
        write_tracks(tmp_path / "mot" / f"{name}.txt", straight(1, [1, 2, 5, 6], start=(start, 50.0)))
    return tmp_path / "mot_raw", tmp_path / "mot"


def smooth(folders, method="linear"):
    smooth_files(*folders, {"a": 6, "b": 6}, method)
    return {path.stem: path.read_bytes() for path in folders[1].iterdir()}


def test_smoothed_is_never_smoothed_again(folders):
    raw, out = folders
    before = {path.stem: path.read_bytes() for path in out.iterdir()}
    first = smooth(folders)
    assert read_tracks(out / "a.txt", 6)[:, FRAME].tolist() == [1, 2, 3, 4, 5, 6]
    assert smooth(folders, "rts") != first
    assert smooth(folders) == first
    assert {path.stem: path.read_bytes() for path in raw.glob("*.txt")} == before


def test_tracks_of_another_tracker_are_the_new_raw_ones(folders, caplog):
    raw, out = folders
    first = smooth(folders)
    write_tracks(out / "a.txt", straight(8, [1, 4], start=(500.0, 50.0)))
    others = (out / "a.txt").read_bytes()
    second = smooth(folders)
    assert (raw / "a.txt").read_bytes() == others
    assert set(read_tracks(out / "a.txt", 6)[:, 1]) == {8}
    assert second["b"] == first["b"]
    assert f"{out / 'a.txt'}: is not what smoothing left here" in caplog.text
    # What was made of the first tracks is no product of these: it would be raw, too.
    (out / "a.txt").write_bytes(first["a"])
    smooth(folders)
    assert (raw / "a.txt").read_bytes() == first["a"]


def test_a_crash_before_the_result_leaves_nothing_unknown(folders, monkeypatch):
    from nanomot.evaluation import smoothed_files

    raw, out = folders
    first, tracked = smooth(folders), (raw / "a.txt").read_bytes()
    write = smoothed_files.write_whole

    def crash(path, content):
        if path.parent == out:
            raise KeyboardInterrupt
        write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(smoothed_files, "write_whole", crash)
        with pytest.raises(KeyboardInterrupt):
            smooth(folders, "rts")
    assert smooth(folders) == first
    assert (raw / "a.txt").read_bytes() == tracked


def test_what_nobody_knows_is_told(folders):
    raw, out = folders
    write_tracks(raw / "a.txt", straight(1, [1, 3]))
    with pytest.raises(NanomotError, match=r"a\.txt: it is not known whether"):
        smooth(folders)
    (raw / RECORD).write_text("[1]")
    with pytest.raises(NanomotError, match=r"smoothed\.json: cannot be read"):
        smooth(folders)
    (raw / RECORD).unlink()
    for path in (out / "a.txt", raw / "a.txt"):
        path.unlink()
    with pytest.raises(NanomotError, match=r"mot.a\.txt: this result file is missing"):
        smooth(folders)
