from __future__ import annotations

import pytest

from nanomot.cli.boxes_of import public_boxes
from nanomot.evaluation.benchmarks import Benchmark, Sequence


@pytest.mark.parametrize(
    ("ranges", "conf", "expected"),
    [
        ({}, 0.1, [1.5, 0.4]),
        ({}, 0.5, [1.5]),
        ({"all": (-1.0, 1.0)}, 0.1, [1.0, 0.7, 0.25]),
        ({"DPM": (0.0, 2.0)}, 0.0, [0.75, 0.2, 0.0]),
        ({"SDP": (0.0, 2.0)}, 0.1, [1.5, 0.4]),
    ],
)
def test_scores_of_public_boxes_are_brought_to_0_and_1(tmp_path, ranges, conf, expected, caplog):
    folder = tmp_path / "train" / "A-DPM"
    (folder / "det").mkdir(parents=True)
    lines = [f"2,-1,{10 * row},5,10,20,{score},-1,-1,-1" for row, score in enumerate((1.5, 0.4, -0.5))]
    (folder / "det" / "det.txt").write_text("\n".join(lines))
    benchmark = Benchmark("B", "B", "MOT17", {"train": "train"}, detectors=("DPM", "SDP"), public_scores=ranges)
    sequence = Sequence("A-DPM", "A", folder, 3, 25.0, None, 0, None)
    first, second, third = public_boxes(benchmark, [sequence], conf, None)(sequence)
    assert (len(first), len(third)) == (0, 0)
    assert second.scores.tolist() == pytest.approx(expected)
    assert ("scores run from" in caplog.text) == (not ranges or "SDP" in ranges), "only where they are not scaled"
    assert second.boxes[:, 0].tolist() == [0.0, 10.0, 20.0][: len(expected)]
