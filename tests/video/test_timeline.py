from __future__ import annotations

import cv2
import pytest

from nanomot.video.timeline import PacketTimeline
from tests.video.clips import retime_mp4, write_clip

needs_packet_times = pytest.mark.skipif(
    not hasattr(cv2, "CAP_PROP_PTS"), reason="OpenCV before 4.11 does not tell the times of packets"
)


@needs_packet_times
def test_times_of_all_frames_in_order(tmp_path):
    path = retime_mp4(write_clip(tmp_path / "a.mp4", 5, codec="mp4v"), [1280, 2560, 1280, 128, 128])
    assert PacketTimeline(path).rest() == pytest.approx([0.0, 0.1, 0.3, 0.4, 0.41])


def test_a_file_without_packets_is_no_timeline(tmp_path):
    (tmp_path / "a.mp4").write_bytes(bytes(100))
    timeline = PacketTimeline(tmp_path / "a.mp4")
    assert not timeline.usable
    assert timeline.missing_before(1.0) == timeline.rest() == []


@needs_packet_times
def test_times_that_do_not_match_end_the_timeline(tmp_path):
    timeline = PacketTimeline(write_clip(tmp_path / "a.avi", 6))
    assert timeline.missing_before(0.08) == pytest.approx([0.0, 0.04])
    assert timeline.missing_before(0.12) == []
    assert timeline.missing_before(0.1301) == []
    assert not timeline.usable
    assert timeline.rest() == []
    timeline.close()
