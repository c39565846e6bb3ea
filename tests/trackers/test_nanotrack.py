"""The default NanoTrack in hand-made scenes, part by part."""

from __future__ import annotations

import numpy as np
import pytest

from nanomot import Detections, Source, create_tracker

WIDTH, HEIGHT = 60.0, 150.0
PERSON = np.array([[300.0, 150, 300 + WIDTH, 150 + HEIGHT]])
FAR_RIGHT = np.array([[1800.0, 100, 1900, 300]])
"""Somebody at the other end, so that the picture is known to be wide."""


def nanotrack(**options):
    return create_tracker("nanotrack", **options)


def feed(tracker, frames):
    """``frames`` of (boxes, scores), or None for a frame without detections."""
    found = [Detections.empty() if row is None else Detections(np.vstack(row[0]), row[1]) for row in frames]
    return [tracker.update(each) for each in found]


def followed(frames=10, **options):
    """A tracker that is sure of PERSON, id 1, and of somebody far away, id 2."""
    tracker = nanotrack(**options)
    tracks = feed(tracker, [([PERSON, FAR_RIGHT], [0.9, 0.9])] * frames)
    assert tracks[-1].ids.tolist() == [1, 2]
    return tracker


def row_of(tracks, track_id):
    """The tracks' row of this id, or None."""
    rows = np.flatnonzero(tracks.ids == track_id).tolist()
    return rows[0] if rows else None


def sources(tracks, track_id=1):
    rows = [row_of(frame, track_id) for frame in tracks]
    return [None if row is None else Source(int(frame.sources[row])) for frame, row in zip(tracks, rows, strict=True)]


class TestLowScores:
    @pytest.mark.parametrize("score", [0.1, 0.25, 0.39])
    def test_they_continue_a_confirmed_track(self, score):
        tracks = feed(followed(), [([PERSON], [score])] * 4)
        assert sources(tracks) == [Source.DETECTED] * 4
        assert [frame.scores[row_of(frame, 1)] for frame in tracks] == [score] * 4

    def test_and_keep_it_alive_when_they_no_longer_suffice_to_report_it(self):
        for rhd, last in ((True, 1), (False, 3)):
            tracker = followed(rhd=rhd)
            tracks = feed(tracker, [([PERSON, FAR_RIGHT], [0.2, 0.9])] * 120)
            assert row_of(tracks[-1], 1) is None
            back = feed(tracker, [([PERSON, FAR_RIGHT], [0.9, 0.9])] * 3)[-1]
            assert sorted(back.ids.tolist()) == sorted([last, 2])

    @pytest.mark.parametrize("score", [0.1, 0.3, 0.49])
    def test_they_never_start_one(self, score):
        assert sum(map(len, feed(nanotrack(), [([PERSON], [score])] * 90))) == 0

    @pytest.mark.parametrize("score", [0.1, 0.3])
    def test_nor_confirm_one(self, score):
        """A birth of .5 waits for a second box; low ones are not asked."""
        tracks = feed(nanotrack(), [([PERSON], [0.5]), *[([PERSON], [score])] * 60])
        assert sum(map(len, tracks)) == 0

    def test_a_birth_that_is_not_sure_waits_for_the_second_box(self):
        assert [len(frame) for frame in feed(nanotrack(), [([PERSON], [0.5])] * 3)] == [0, 1, 1]
        assert [len(frame) for frame in feed(nanotrack(), [([PERSON], [0.9])] * 3)] == [1, 1, 1]

    def test_below_the_floor_nothing_counts(self):
        assert sources(feed(followed(), [([PERSON], [0.09])])) == [Source.PREDICTED]

    @pytest.mark.parametrize(("gap", "continued"), [(0, True), (5, True), (6, False)])
    def test_they_continue_only_who_was_just_seen(self, gap, continued):
        """``low_match_ticks`` is 5; without evidence the track would be reported in any case."""
        tracker = followed(existence=False)
        feed(tracker, [None] * gap)
        tracks = feed(tracker, [([PERSON], [0.3])])
        assert sources(tracks) == [Source.DETECTED if continued else Source.PREDICTED]

    def test_they_must_lie_where_the_track_is(self):
        """A sure box may lie half a width aside, a low one may not."""
        beside = PERSON + [30.0, 0, 30, 0]
        for score, source in ((0.9, Source.DETECTED), (0.3, Source.PREDICTED)):
            assert sources(feed(followed(), [([beside], [score])])) == [source]


class TestBirths:
    PART = np.array([[305.0, 155, 345, 205]])
    """Head and shoulders of PERSON: too small to be suppressed as a copy."""

    def test_a_part_of_a_matched_person_is_no_person(self):
        for dtc, persons in ((True, 1), (False, 2)):
            frames = [([PERSON, self.PART], [0.9, 0.8])] * 10
            assert len(feed(nanotrack(dtc=dtc), [([PERSON], [0.9]), *frames])[-1]) == persons

    def test_a_part_of_a_person_who_is_not_there_may_be_one(self):
        """Two seconds later nobody says that this is a part of somebody."""
        tracker = followed()
        feed(tracker, [None] * 70)
        assert feed(tracker, [([self.PART], [0.8])] * 3)[-1].ids.tolist() == [3]

    @pytest.mark.parametrize(("gap", "born"), [(0, False), (1, False), (3, True)])
    def test_a_copy_of_a_person_just_seen_is_no_person(self, gap, born):
        """A box that overlaps the track by .45, too unsure to continue it, ``gap`` frames after it was seen."""
        copy = PERSON + [0.38 * WIDTH, 0, 0.38 * WIDTH, 0]
        for dtc in (True, False):
            tracker = followed(match_similarity=0.5, dtc=dtc)
            feed(tracker, [None] * gap)
            tracks = feed(tracker, [([copy], [0.5])] * 2)[-1]
            assert (3 in tracks.ids.tolist()) is (born or not dtc)

    def test_neighbours_are_born(self):
        assert len(feed(followed(), [([PERSON, PERSON + [70.0, 0, 70, 0], FAR_RIGHT], [0.9] * 3)])[-1]) == 3

    def test_confirmed_tracks_are_asked_first(self):
        """A box lies nearer to the newcomer beside PERSON, who is not confirmed: it is PERSON's, and only PERSON's."""
        tracker, beside = followed(), PERSON + [45.0, 0, 45, 0]
        feed(tracker, [([PERSON, beside, FAR_RIGHT], [0.9, 0.5, 0.9])])
        (tracks,) = feed(tracker, [([PERSON + [28.0, 0, 28, 0], FAR_RIGHT], [0.9, 0.9])])
        assert dict(zip(tracks.ids.tolist(), tracks.detection_indices.tolist(), strict=True)) == {1: 0, 2: 1}

    def test_without_existence_everybody_is_sure(self):
        assert [len(frame) for frame in feed(nanotrack(existence=False), [([PERSON], [0.5])] * 2)] == [1, 1]
        tracks = feed(followed(existence=False), [([PERSON], [0.2])] * 60)
        assert sources(tracks) == [Source.DETECTED] * 60

    @pytest.mark.parametrize(("misses", "age"), [(1, 0), (2, 2)])
    def test_how_long_a_tentative_track_waits(self, misses, age):
        frames = [([PERSON], [0.5]), None, ([PERSON], [0.9])]
        tracks = feed(nanotrack(tentative_misses=misses, tentative_evidence=-100), frames)[-1]
        assert tracks.ages.tolist() == [age]

    def test_a_tentative_track_dies_of_doubt(self):
        frames = [([PERSON], [0.5]), None, ([PERSON], [0.9])]
        assert feed(nanotrack(tentative_misses=2), frames)[-1].ages.tolist() == [0]


class TestCoasting:
    NEARER = np.array([[310.0, 165, 390, 350]])
    """Somebody in front of PERSON: feet lower, half of PERSON covered."""

    def coasted(self, front, gone=50, **options):
        """For how many frames PERSON is reported once only ``front`` is detected."""
        tracker = nanotrack(nms_iou=1.0, **options)
        both = ([PERSON, FAR_RIGHT], [0.9, 0.9])
        feed(tracker, [both] * 8)
        if front is not None:
            both = ([PERSON, front, FAR_RIGHT], [0.9] * 3)
        assert len(feed(tracker, [both] * 12)[-1]) == len(both[1])
        rest = ([FAR_RIGHT], [0.9]) if front is None else ([front, FAR_RIGHT], [0.9, 0.9])
        tracks = feed(tracker, [rest] * gone)
        found = [source for source in sources(tracks) if source is not None]
        assert set(found) <= {Source.PREDICTED}
        return len(found)

    def test_who_is_hidden_is_believed_longer_than_who_vanishes(self):
        open_air, hidden = self.coasted(None), self.coasted(self.NEARER)
        assert 1 <= open_air <= 10
        assert hidden == 30  # coast_ticks
        assert self.coasted(self.NEARER, occlusion=False) == open_air
        behind = self.NEARER - [0, 75, 0, 75]
        assert self.coasted(behind) == open_air

    @pytest.mark.parametrize("ticks", [0, 1, 12, 45])
    def test_for_coast_ticks(self, ticks):
        assert self.coasted(self.NEARER, coast_ticks=ticks) == ticks
        assert self.coasted(None, coast_ticks=ticks, existence=False) == ticks

    @pytest.mark.parametrize("rate", [10.0, 30.0, 60.0])
    def test_which_is_a_time(self, rate):
        tracker = followed(existence=False, frame_rate=rate)
        found = sources(feed(tracker, [([FAR_RIGHT], [0.9])] * 100))
        assert len([source for source in found if source is not None]) == rate

    def test_rows_without_a_detection_say_so(self):
        tracks = feed(followed(), [([FAR_RIGHT], [0.8])] * 3)
        for index, frame in enumerate(tracks):
            row = row_of(frame, 1)
            assert frame.sources[row] == Source.PREDICTED
            assert frame.detection_indices[row] == -1
            assert (frame.scores[row], frame.ages[row]) == (0.9, 10 + index)
            assert frame.detection_indices[row_of(frame, 2)] == 0

    @pytest.mark.parametrize(("direction", "start"), [(-1, 60.0), (1, 520.0)])
    def test_nobody_is_predicted_outside_of_the_picture(self, direction, start):
        """A walker is last seen near the picture's side; in a wider picture the rows would go on."""

        def walk(picture, offset):
            tracker = nanotrack(existence=False)
            for step in range(40):
                box = PERSON + [start - 300 + offset + 4 * direction * step, 0] * 2
                found = Detections(box, [0.9]) if step < 15 else Detections.empty()
                yield tracker.update(found, picture)

        narrow, wide = np.zeros((480, 640, 3), np.uint8), np.zeros((480, 2000, 3), np.uint8)
        boxes = np.vstack([tracks.boxes for tracks in walk(narrow, 0.0)])
        border = 0.1 * (boxes[:, 2] - boxes[:, 0])
        assert 15 < len(boxes) < 40
        assert (boxes[:, 0] >= -border).all()
        assert (boxes[:, 2] <= 640 + border).all()
        assert sum(map(len, walk(wide, 600.0))) == 40

    def test_without_pictures_the_rightmost_box_tells_the_width(self):
        """PERSON walks to the right and is lost, with and without a box that was once seen farther right."""
        counts = []
        for scores in ([0.9, 0.9], [0.9, 0.05]):
            tracker = nanotrack(existence=False)
            walk = [PERSON + [4.0 * step, 0, 4 * step, 0] for step in range(12)]
            feed(tracker, [([box, FAR_RIGHT], scores) for box in walk])
            counts.append(sum(row is not None for row in sources(feed(tracker, [None] * 40))))
        assert counts == [30, 30]  # also a box below every threshold tells it
        tracker = nanotrack(existence=False)
        feed(tracker, [([box], [0.9]) for box in walk])
        assert 0 < sum(map(len, feed(tracker, [None] * 40))) < 10


class TestMemory:
    @pytest.mark.parametrize("buffer", [15, 60, 90])
    @pytest.mark.parametrize("rate", [15.0, 30.0])
    def test_found_again_within_the_buffer(self, buffer, rate):
        """By the clock; one frame more than the buffer is allowed, for tracks die at the end of a frame."""
        allowed = int(buffer * rate / 30)
        for gap, last in ((allowed - 1, [1, 2]), (allowed, [1, 2]), (allowed + 2, [3, 4])):
            tracker = followed(track_buffer=buffer, young_buffer=1000, frame_rate=rate)
            feed(tracker, [None] * gap)
            assert feed(tracker, [([PERSON, FAR_RIGHT], [0.9, 0.9])] * 3)[-1].ids.tolist() == last, gap

    @pytest.mark.parametrize("frames", [1, 10, 40])
    @pytest.mark.parametrize("young", [6, 15])
    def test_who_lived_for_a_moment_is_forgotten_sooner(self, frames, young):
        """After ``young_buffer`` and the time that the track had lived, from its first box to its last."""
        allowed = young + frames - 1
        for gap, last in ((allowed - 1, [1, 2]), (allowed, [1, 2]), (allowed + 2, [3, 4])):
            tracker = followed(frames, young_buffer=young)
            feed(tracker, [None] * gap)
            assert feed(tracker, [([PERSON, FAR_RIGHT], [0.9, 0.9])] * 3)[-1].ids.tolist() == last, gap

    def test_ids_are_never_given_twice(self):
        rng = np.random.default_rng(0)
        tracker = nanotrack(track_buffer=10)
        last_seen, newest, place = {}, 0, np.zeros((3, 2))
        for frame in range(400):
            place = rng.uniform(0, 900, (3, 2)) if frame % 25 == 0 else place + 2.0
            boxes = np.hstack((place, place + [WIDTH, HEIGHT]))
            for track_id in tracker.update(Detections(boxes, [0.9] * 3)).ids.tolist():
                if track_id not in last_seen:
                    assert track_id == newest + 1
                    newest = track_id
                assert frame - last_seen.get(track_id, frame) <= 12
                last_seen[track_id] = frame
        assert newest > 20

    def test_reset(self):
        tracker = followed()
        tracker.reset()
        tracks = feed(tracker, [([FAR_RIGHT], [0.9])] * 2)[-1]
        assert (tracks.ids.tolist(), tracks.ages.tolist()) == ([1], [1])


class TestDetections:
    def test_indices_point_into_what_was_given(self):
        """Below the floor, a worse copy, PERSON, a copy of another class, the far one."""
        tracker = followed(per_class=True)
        boxes = np.vstack((PERSON + 500, PERSON + 2, PERSON, PERSON, FAR_RIGHT))
        found = Detections(boxes, [0.05, 0.6, 0.9, 0.95, 0.8], [0, 0, 0, 1, 0])
        tracks = tracker.update(found)
        assert [tracks.detection_indices[row_of(tracks, track_id)] for track_id in (1, 2, 3)] == [2, 4, 3]
        np.testing.assert_array_equal(tracks.scores, found.scores[tracks.detection_indices])

    def test_in_any_order(self):
        rng = np.random.default_rng(4)
        tracker, people = nanotrack(), np.arange(8)[:, None] * [120.0, 0, 120, 0] + PERSON
        for _ in range(30):
            people = people + rng.normal(0, 1, people.shape)
            boxes = np.vstack(
                (people, people + rng.normal(0, 2, people.shape), people + rng.normal(0, 2, people.shape))
            )
            order = rng.permutation(24)
            found = Detections(boxes[order], rng.uniform(0.05, 0.95, 24))
            tracks = tracker.update(found)
            seen = tracks.detection_indices >= 0
            used = tracks.detection_indices[seen]
            assert len(set(used.tolist())) == len(used)
            np.testing.assert_array_equal(tracks.scores[seen], found.scores[used])
            centres, given = (b[:, :2] + b[:, 2:] for b in (tracks.boxes[seen], found.boxes[used]))
            assert np.abs(centres - given).max(initial=0.0) < 40

    def test_a_worse_copy_is_left_out(self):
        for limit, persons in ((0.37, 1), (1.0, 2)):
            tracker = nanotrack(nms_iou=limit, dtc=False)
            copy = PERSON + [8.0, 0, 8, 0]
            assert len(feed(tracker, [([PERSON, copy], [0.9, 0.8])] * 3)[-1]) == persons

    def test_classes_do_not_suppress_each_other(self):
        for per_class, count in ((True, 2), (False, 1)):
            tracker = nanotrack(per_class=per_class)
            tracker.update(Detections(PERSON, [0.9]))
            for _ in range(5):
                tracks = tracker.update(Detections(np.vstack((PERSON, PERSON)), [0.9, 0.8], [0, 1]))
            # Both boxes are there; where classes do not matter, the second is the first one's duplicate.
            assert len(tracks) == count
        tracker = nanotrack(dtc=False)
        assert len(tracker.update(Detections(np.vstack((PERSON, PERSON)), [0.9, 0.8], [0, 1]))) == 2
        assert len(nanotrack(dtc=False).update(Detections(np.vstack((PERSON, PERSON)), [0.9, 0.8], [1, 1]))) == 1

    @pytest.mark.parametrize(("share", "moved"), [(1.0, 10.0), (0.0, None), (0.5, None)])
    def test_reported_boxes_lie_between_the_filter_and_the_detection(self, share, moved):
        box = PERSON + [10.0, 0, 10, 0]
        (tracks,) = feed(followed(raw_share=share), [([box], [0.9])])
        way = float(tracks.boxes[row_of(tracks, 1), 0] - PERSON[0, 0])
        if moved is None:
            (filtered,) = feed(followed(raw_share=0.0), [([box], [0.9])])
            way_of_filter = float(filtered.boxes[row_of(filtered, 1), 0] - PERSON[0, 0])
            assert 0 < way_of_filter < 10
            moved = (1 - share) * way_of_filter + share * 10
        assert way == pytest.approx(moved)
