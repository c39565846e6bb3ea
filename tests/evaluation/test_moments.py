from __future__ import annotations

import numpy as np
import pytest

from nanomot.evaluation import SequenceFiles, judge
from nanomot.evaluation.moments import IdSwitch, by_frame, find_switches, persons, worst
from nanomot.evaluation.result_files import FRAME, ID, read_tracks
from tests.evaluation.tracks import straight, with_classes
from tests.evaluation.written import write_tracks


def renamed(rows, names):
    """Another id for each (first frame, last frame) of ``names``."""
    out = rows.copy()
    for (first, last), name in names.items():
        out[(rows[:, FRAME] >= first) & (rows[:, FRAME] <= last), ID] = name
    return out


def test_a_switch_by_hand():
    truth = np.concatenate([straight(4, range(1, 21)), straight(5, range(1, 21), start=(600.0, 50.0))])
    result = np.concatenate(
        [
            renamed(truth[:20], {(1, 8): 11, (12, 20): 12})[[*range(8), *range(11, 20)]],
            renamed(truth[20:], {(1, 20): 13}),
            straight(99, range(1, 21), start=(900.0, 900.0)),
        ]
    )
    assert find_switches("s", truth, result) == [IdSwitch("s", 4, 8, 12, 11, 12, 8)]


def test_a_pair_goes_on_although_another_box_fits_better():
    """CLEAR's rule: the second track lies on the person exactly, but the first was there before."""
    truth = straight(1, range(1, 11), speed=(0.0, 0.0))
    first = straight(7, range(1, 11), speed=(0.0, 0.0), start=(105.0, 50.0))
    assert find_switches("s", truth, np.concatenate([first, straight(8, range(4, 11), speed=(0.0, 0.0))])) == []


def test_swapped_ids_are_two_switches():
    truth = np.concatenate([straight(1, range(1, 11)), straight(2, range(1, 11), start=(300.0, 50.0))])
    result = np.concatenate([renamed(truth[:10], {(6, 10): 2}), renamed(truth[10:], {(6, 10): 1})])
    assert [(item.person, item.old_id, item.new_id, item.frame) for item in find_switches("s", truth, result)] == [
        (1, 1, 2, 6),
        (2, 2, 1, 6),
    ]


def test_the_worst_part_the_longest_pieces():
    switches = [IdSwitch("s", person, 1, 2, 1, 2, held) for person, held in ((1, 3), (2, 9), (3, 5), (4, 9))]
    assert [item.person for item in worst(switches, 3)] == [2, 4, 3]


def test_persons():
    truth = with_classes(straight(1, range(1, 5)))
    truth[1, 6] = 0
    truth[2, 7] = 7
    assert persons(truth)[:, FRAME].tolist() == [1, 4]
    assert persons(truth, has_classes=False)[:, FRAME].tolist() == [1, 3, 4]


def test_by_frame():
    rows = np.concatenate([straight(1, [3, 1]), straight(2, [3])])
    assert {frame: part[:, ID].tolist() for frame, part in by_frame(rows).items()} == {1: [1], 3: [1, 2]}
    assert by_frame(rows[:0]) == {}


@pytest.mark.parametrize("seed", range(5))
def test_as_many_as_trackeval_counts(tmp_path, seed):
    """Jittering boxes whose ids change at random, some of them missing."""
    random = np.random.default_rng(seed)
    truth = np.concatenate([straight(i, range(1, 41), start=(60.0 * i, 50.0), speed=(3.0 * i, 0.0)) for i in range(5)])
    truth[:, ID] += 1
    result = truth[random.random(len(truth)) < 0.9]
    result[:, 2:6] += random.normal(0, 6, (len(result), 4))
    result[:, ID] += 10 * np.floor(result[:, FRAME] / random.integers(5, 20))
    write_tracks(tmp_path / "result.txt", result)
    lines = (",".join(f"{value:.2f}" for value in (*row, 1)) for row in with_classes(truth))
    (tmp_path / "gt.txt").write_text("\n".join(lines).replace(".00", ""))
    counted = judge({"s": SequenceFiles(tmp_path / "gt.txt", tmp_path / "result.txt", 40)})["s"]["IDSW"]
    found = find_switches("s", truth, read_tracks(tmp_path / "result.txt", 40))
    assert len(found) == counted > 3
