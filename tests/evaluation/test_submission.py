from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from nanomot import NanomotError
from nanomot.evaluation.benchmarks import Benchmark, Sequence, benchmark_names, load_benchmark
from nanomot.evaluation.submission import plan_submission, write_submission
from tests.evaluation.tracks import straight
from tests.evaluation.written import write_tracks

BENCHMARK = Benchmark(
    "B", "B", "MOT17", {"train": "train"}, detectors=("DPM", "SDP"), sequences={"test": ["B-01", "B-02"]}
)


def sequence(name, length=10):
    base = BENCHMARK.without_detector(name)
    return Sequence(name, base, Path(name), length, 25.0, None, 0, None)


def test_copies_per_detector_share_a_result():
    plan = plan_submission(BENCHMARK, "test", [sequence("B-02-SDP"), sequence("B-01-DPM"), sequence("B-01-SDP")])
    assert {name: item.name for name, item in plan.items()} == {
        "B-01-DPM": "B-01-DPM",
        "B-01-SDP": "B-01-SDP",
        "B-02-DPM": "B-02-SDP",
        "B-02-SDP": "B-02-SDP",
    }
    assert list(plan) == sorted(plan)


def test_every_sequence_is_needed():
    here = [sequence("B-01-DPM"), sequence("B-01-SDP")]
    with pytest.raises(NanomotError, match="B-02-DPM, B-02-SDP are not here"):
        plan_submission(BENCHMARK, "test", here)
    with pytest.raises(NanomotError, match=r"B-02-DPM is not here \(public boxes differ"):
        plan_submission(BENCHMARK, "test", [*here, sequence("B-02-SDP")], share=False)
    with pytest.raises(NanomotError, match="takes results of test, not of val_half"):
        plan_submission(BENCHMARK, "val_half", here)


def test_folders_hand_in_what_is_there():
    folder = Benchmark("mine", "mine", "MOT17", {"train": "."})
    assert list(plan_submission(folder, "train", [sequence("b"), sequence("a")])) == ["a", "b"]


@pytest.mark.parametrize("name", benchmark_names())
def test_lists_of_sequences(name):
    """MOT16 and MOT17 have 7 + 7 scenes, MOT20 4 + 4, MOT15 11 + 11, DanceTrack 40 + 25 + 35."""
    counts = {"DanceTrack": {"train": 40, "val": 25, "test": 35}}
    counts |= {key: {"train": count, "test": count} for key, count in (("MOT15", 11), ("MOT20", 4))}
    counts |= {key: {"train": 7, "test": 7} for key in ("MOT16", "MOT17")}
    listed = load_benchmark(name).sequences
    assert {split: len(names) for split, names in listed.items()} == counts[name]
    assert len({item for names in listed.values() for item in names}) == sum(counts[name].values())


def test_numbered_benchmarks_have_every_number():
    for name, prefix, count in (("DanceTrack", "dancetrack", 100), ("MOT20", "MOT20-", 8), ("MOT17", "MOT17-", 14)):
        numbers = sorted(
            item.removeprefix(prefix) for names in load_benchmark(name).sequences.values() for item in names
        )
        assert [int(number) for number in numbers] == list(range(1, count + 1))


def test_the_zip(tmp_path):
    rows = straight(2, [3, 1, 2])
    write_tracks(tmp_path / "mot" / "B-01-DPM.txt", straight(1, [1]))
    (tmp_path / "mot" / "B-02-SDP.txt").write_text(
        "".join(f"{frame:.0f}, {track:.1f},{','.join(map(str, rest))},-1\n" for frame, track, *rest in rows.tolist())
        + "1,1,1,1,2.5,3,1,-1\n"
    )
    plan = {"B-02-SDP": sequence("B-02-SDP"), "B-01-SDP": sequence("B-01-DPM")}
    paths = [tmp_path / "one.zip", tmp_path / "two.zip"]
    write_submission(paths[0], plan, tmp_path / "mot")
    write_submission(paths[1], dict(reversed(plan.items())), tmp_path / "mot")
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"mot", "one.zip", "two.zip"}
    with zipfile.ZipFile(paths[0]) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["B-01-SDP.txt", "B-02-SDP.txt"]
        lines = archive.read("B-02-SDP.txt").decode().splitlines()
    assert lines[0] == "1,1,1.00,1.00,2.50,3.00,1.0000,-1,-1,-1"
    assert [line.split(",")[:2] for line in lines] == [["1", "1"], ["1", "2"], ["2", "2"], ["3", "2"]]
    assert {len(line.split(",")) for line in lines} == {10}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1,0,1,1,5,5,1\n", "id 0, but ids must be 1 or more"),
        ("2,3,1,1,0.001,5,1\n", "width and height must be above 0 when rounded to hundredths, unlike in frame 2, id 3"),
        ("11,1,1,1,5,5,1\n", "frame 11"),
        ("1,1.5,1,1,5,5,1\n", "whole numbers"),
    ],
)
def test_faults_leave_no_file(tmp_path, line, words):
    (tmp_path / "B-01-DPM.txt").write_text(line)
    with pytest.raises(NanomotError, match=words):
        write_submission(tmp_path / "s.zip", {"B-01-DPM": sequence("B-01-DPM")}, tmp_path)
    assert not list(tmp_path.glob("*.zip*"))


def test_a_folder_in_the_way(tmp_path):
    write_tracks(tmp_path / "B-01-DPM.txt", straight(1, [1]))
    (tmp_path / "s.zip").mkdir()
    with pytest.raises(NanomotError, match=r"s\.zip: is a folder"):
        write_submission(tmp_path / "s.zip", {"B-01-DPM": sequence("B-01-DPM")}, tmp_path)
