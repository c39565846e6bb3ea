"""Stored detections come back on their frames, and every fault in a file is named."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest

from detectors.replay import ReplayDetector, load_replay
from nanomot.detections import SeekableDetector
from nanomot.errors import NanomotError

FRAME = np.zeros((4, 4, 3), np.uint8)


def written(tmp_path: Path, text: str, name: str = "det.txt") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_answers_frame_by_frame(tmp_path: Path) -> None:
    path = written(tmp_path, "1,-1,10,20,30,40,0.9\n3,-1,1,2,3,4,0.5,-1,-1,-1\n1,-1,5,6,7,8,0.6\n")
    detector = load_replay(path)
    assert isinstance(detector, SeekableDetector)
    first = detector.detect(FRAME)
    np.testing.assert_array_equal(first.boxes, [[10, 20, 40, 60], [5, 6, 12, 14]])
    np.testing.assert_array_equal(first.scores, [0.9, 0.6])
    assert [len(detector.detect(FRAME)) for _ in range(4)] == [0, 1, 0, 0]
    assert (detector.frame_count, len(detector)) == (3, 3)


def test_seeking_moves_to_any_frame(tmp_path: Path) -> None:
    detector = load_replay(written(tmp_path, "".join(f"{n},-1,{n},0,1,1,1\n" for n in range(1, 6))))
    for index in (4, 0, 2):
        detector.seek(index)
        assert detector.detect(FRAME).boxes[0, 0] == index + 1
    assert detector.detect(FRAME).boxes[0, 0] == 4
    with pytest.raises(NanomotError, match="negative"):
        detector.seek(-1)


def test_scores_stay_raw_and_order_within_a_frame_is_kept(tmp_path: Path) -> None:
    lines = [f"{1 + (7 * n) % 5},-1,{n},0,5,5,{100 + n},4.1,1.8,0\n" for n in range(40)]
    detector = load_replay(written(tmp_path, "".join(lines)))
    for frame in range(1, 6):
        lefts = [n for n in range(40) if 1 + (7 * n) % 5 == frame]
        detections = detector.detect(FRAME)
        np.testing.assert_array_equal(detections.boxes[:, 0], lefts)
        np.testing.assert_array_equal(detections.scores, np.array(lefts) + 100.0)


def test_confidence_floor_keeps_equal_scores(tmp_path: Path) -> None:
    path = written(tmp_path, "1,-1,1,1,5,5,0.3\n1,-1,2,1,5,5,0.29\n1,-1,3,1,5,5,-1\n")
    assert load_replay(path, conf=0.3).detect(FRAME).boxes[:, 0].tolist() == [1.0]
    assert len(load_replay(path, conf=-2.0)) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,-1,1,2,3,4,0.5\n1,-1,1,2,3\n", r"det\.txt, line 2: has 5 columns instead of 7 to 10"),
        ("# made by hand\n\n1,-1,1,2,x,4,0.5\n", r"det\.txt, line 3: holds something that is not a number"),
        ("1,-1,1,2,3,4,0.5\n0,-1,1,2,3,4,0.5\n", r"det\.txt, line 2: 0 is not a frame number"),
        ("1.5,-1,1,2,3,4,0.5\n", r"det\.txt, line 1: 1\.5 is not a frame number"),
        ("nan,-1,1,2,3,4,0.5\n", r"det\.txt, line 1: nan is not a frame number"),
    ],
)
def test_malformed_lines_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(NanomotError, match=message):
        load_replay(written(tmp_path, text))


def test_bad_boxes_are_dropped_with_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = written(tmp_path, "1,-1,1,2,nan,4,0.5\n2,-1,1,2,-3,4,0.5\n3,-1,1,2,3,4,0.5\n3,-1,1,2,3,4,inf\n")
    with caplog.at_level(logging.WARNING):
        assert len(load_replay(path)) == 1
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: 3 of 4 boxes are NaN or inverted and were dropped."
    ]


def test_scores_of_any_range_are_warned_of_unless_the_caller_expects_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path, "1,-1,10,20,30,40,2.5\n")
    assert load_replay(path, any_range=True).detect(FRAME).scores.tolist() == [2.5]
    assert caplog.text == ""
    load_replay(path)
    assert "scores run from 2.5 to 2.5" in caplog.text


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n"])
def test_empty_file_gives_empty_frames_and_says_so(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    detector = load_replay(written(tmp_path, text))
    assert len(detector.detect(FRAME)) == 0
    assert detector.frame_count == 0
    assert "holds no detections" in caplog.text
    assert not recwarn.list


def test_blank_separated_columns_are_read(tmp_path: Path) -> None:
    detector = load_replay(written(tmp_path, "2 -1 10 20 30 40 0.9\n"))
    detector.seek(1)
    assert detector.detect(FRAME).boxes.tolist() == [[10, 20, 40, 60]]


def test_npz_is_read_with_and_without_classes(tmp_path: Path) -> None:
    columns = {"frame": np.array([2, 1]), "boxes_xyxy": np.array([[1, 2, 3, 4], [5, 6, 7, 8.0]]), "scores": np.ones(2)}
    np.savez(tmp_path / "a.npz", **columns)
    plain = load_replay(tmp_path / "a.npz")
    assert plain.class_names == ("person",)
    assert plain.detect(FRAME).boxes.tolist() == [[5, 6, 7, 8]]
    np.savez(tmp_path / "b.npz", **columns, class_ids=np.array([2, 0]))
    cars = load_replay(tmp_path / "b.npz", classes=["car"])
    assert [cars.detect(FRAME).class_ids.tolist() for _ in range(2)] == [[], [2]]
    np.savez(tmp_path / "c.npz", **columns, class_ids=np.array([1, 0]), class_names=np.array(["cat", "dog"]))
    assert load_replay(tmp_path / "c.npz", classes=["dog"]).detect(FRAME).class_ids.tolist() == []
    np.savez(tmp_path / "d.npz", **columns, class_ids=np.array([100, 0]))
    assert load_replay(tmp_path / "d.npz").class_names == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": None}, "no array named scores"),
        ({"boxes_xyxy": np.ones((3, 4))}, "boxes_xyxy must hold numbers for 2 detections"),
        ({"frame": np.array([1, 0])}, "frame 0 in row 1 is not a frame number"),
        ({"frame": np.ones((2, 1))}, "frame must hold numbers"),
        ({"scores": np.array(["a", "b"])}, "scores must hold numbers"),
    ],
)
def test_faults_of_npz_are_named(tmp_path: Path, change: dict[str, np.ndarray | None], message: str) -> None:
    columns = {"frame": np.array([1, 2]), "boxes_xyxy": np.array([[1, 2, 3, 4]] * 2), "scores": np.ones(2), **change}
    np.savez(tmp_path / "bad.npz", **{key: value for key, value in columns.items() if value is not None})
    with pytest.raises(NanomotError, match=message):
        load_replay(tmp_path / "bad.npz")


def test_archives_that_are_none_are_named(tmp_path: Path) -> None:
    for name, content in (("a.npz", b"junk"), ("b.npz", b""), ("c.npz", b"PK\x03\x04junk")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(NanomotError, match=f"{name}: is not a readable"):
            load_replay(tmp_path / name)
    np.savez(tmp_path / "objects.npz", frame=np.array([{}], dtype=object))
    with pytest.raises(NanomotError, match="is not a readable"):
        load_replay(tmp_path / "objects.npz")


def coco(**changes: object) -> dict[str, object]:
    return {"image_id": 2, "category_id": 1, "bbox": [10, 20, 30, 40], "score": 0.5, **changes}


def test_coco_results_map_categories_to_the_usual_classes(tmp_path: Path) -> None:
    categories = [1, 3, 13, 90]
    path = written(tmp_path, json.dumps([coco(category_id=number) for number in categories]), "results.json")
    detector = load_replay(path)
    detector.seek(1)
    detections = detector.detect(FRAME)
    assert detections.class_ids.tolist() == [0, 2, 11, 79]
    assert [detector.class_names[number] for number in detections.class_ids] == [
        "person",
        "car",
        "stop sign",
        "toothbrush",
    ]
    assert detections.boxes[0].tolist() == [10, 20, 40, 60]
    assert len(load_replay(path, classes=[0])) == 1


def test_coco_tables_number_frames_and_classes(tmp_path: Path) -> None:
    content = {
        "images": [{"id": 70}, {"id": "x"}, {"id": 5, "frame_id": 9}],
        "categories": [{"id": 4, "name": "cat"}, {"id": 1, "name": "person"}],
        "annotations": [coco(image_id="x"), coco(image_id=5, category_id=4)],
    }
    detector = load_replay(written(tmp_path, json.dumps(content), "tables.json"))
    detector.seek(1)
    assert detector.detect(FRAME).class_ids.tolist() == [1]
    detector.seek(8)
    assert detector.detect(FRAME).class_ids.tolist() == [0]
    assert detector.class_names == ("cat", "person")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1,", r"line 1: is not valid JSON"),
        ('{"results": []}', "must hold a list of detections"),
        ("[[]]", "entry 1: is not a detection"),
        (json.dumps([coco(), coco(category_id=12)]), "entry 2: is not a detection with a known"),
        (json.dumps([coco(bbox=[1, 2, 3])]), "entry 1: is not a detection"),
        (json.dumps([coco(image_id=0)]), "entry 1: 0 is not a frame number"),
        (json.dumps({"images": [{}], "annotations": []}), "images or categories table is malformed"),
    ],
)
def test_faults_of_coco_are_named(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(NanomotError, match=message):
        load_replay(written(tmp_path, content, "results.json"))


def test_folders_hold_one_file_per_sequence(tmp_path: Path) -> None:
    written(tmp_path, "1,-1,1,1,5,5,1\n", "A.txt")
    assert len(load_replay(tmp_path)) == 1
    written(tmp_path, "1,-1,1,1,5,5,1\n" * 2, "B.txt")
    assert len(load_replay(tmp_path, sequence="B")) == 2
    with pytest.raises(NanomotError, match="2 files of detections; say which"):
        load_replay(tmp_path)
    with pytest.raises(NanomotError, match=r"no detections of the sequence C \(there are: A, B\)"):
        load_replay(tmp_path, sequence="C")
    (tmp_path / "C" / "det").mkdir(parents=True)
    written(tmp_path / "C" / "det", "1,-1,1,1,5,5,1\n" * 3)
    assert len(load_replay(tmp_path, sequence="C")) == len(load_replay(tmp_path / "C")) == 3


def test_what_is_no_file_of_detections_is_named(tmp_path: Path) -> None:
    with pytest.raises(NanomotError, match="no such file or folder"):
        load_replay(tmp_path / "none.txt")
    with pytest.raises(NanomotError, match=r"files, not \.csv"):
        load_replay(written(tmp_path, "", "x.csv"))
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(NanomotError, match="is not a text file"):
        load_replay(tmp_path / "binary.txt")


def test_unknown_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NanomotError, match="has no class 'bicycle'"):
        load_replay(written(tmp_path, "1,-1,1,1,5,5,1\n"), classes=["bicycle"])


def test_arrays_of_the_caller_are_left_alone() -> None:
    frames, boxes = np.array([2, 1]), np.array([[0, 0, 1, 1], [1, 1, 2, 2.0]])
    detector = ReplayDetector(frames, boxes, np.ones(2))
    assert detector.detect(FRAME).boxes.tolist() == [[1, 1, 2, 2]]
    assert frames.tolist() == [2, 1]
    assert boxes[0].tolist() == [0, 0, 1, 1]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("path", "detections", "frames", "best"),
    [
        ("mot/MOT15/train/TUD-Stadtmitte", 1129, 179, 117.87),
        ("mot/MOT17/train/MOT17-02-FRCNN/det/det.txt", 8186, 600, 1.0),
        ("detections/nanodet-plus-m_416/MOT17-09-FRCNN.npz", 123858, 525, 0.70224494),
    ],
)
def test_reads_files_of_the_field(shared: Path, path: str, detections: int, frames: int, best: float) -> None:
    detector = load_replay(shared / "data" / path, conf=-1e9)
    assert (len(detector), detector.frame_count) == (detections, frames)
    assert detector.detect(FRAME).scores[0] == pytest.approx(best, abs=1e-6)


def test_scores_that_are_no_probabilities_are_named(tmp_path, caplog):
    path = tmp_path / "det.txt"
    path.write_text("1,-1,10,10,5,5,117.87\n1,-1,30,10,5,5,0.4\n")
    load_replay(str(path))
    assert "117.9" in caplog.text
    path.write_text("1,-1,10,10,5,5,1\n1,-1,30,10,5,5,0\n")
    caplog.clear()
    load_replay(str(path))
    assert not caplog.text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", '[{"image_id": 1e999, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]'),
        ("a.json", '[{"image_id": 1, "category_id": 1e999, "bbox": [1, 2, 3, 4], "score": 0.5}]'),
        ("a.json", '[{"image_id": 1.5, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]'),
        ("a.json", '[{"image_id": 1e30, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]'),
        ("a.json", "[" * 100_000),
    ],
)
def test_absurd_numbers_are_named(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(NanomotError, match=name):
        load_replay(str(tmp_path / name))


@pytest.mark.parametrize("class_id", [1e30, -3.0, 1.5])
def test_class_ids_of_archives_are_checked(tmp_path, class_id):
    path = tmp_path / "a.npz"
    np.savez(path, frame=[1], boxes_xyxy=[[1, 2, 3, 4]], scores=[0.5], class_ids=[class_id])
    with pytest.raises(NanomotError, match="class_ids"):
        load_replay(str(path))


def test_an_array_is_no_archive(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(3))
    (tmp_path / "a.npy").rename(tmp_path / "a.npz")
    with pytest.raises(NanomotError, match=r"a\.npz"):
        load_replay(str(tmp_path / "a.npz"))
