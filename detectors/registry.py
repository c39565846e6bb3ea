"""Every family of heads, in one place: a new one is one file and one line here."""

from __future__ import annotations

from detectors.fastestdet import recognise_fastestdet
from detectors.layouts import Recogniser
from detectors.nanodet import recognise_nanodet, recognise_nanodet_plus
from detectors.picodet import recognise_picodet
from detectors.yolo import recognise_yolov5, recognise_yolov8
from detectors.yolox import recognise_yolox

RECOGNISERS: dict[str, Recogniser] = {
    "nanodet-plus": recognise_nanodet_plus,
    "nanodet": recognise_nanodet,
    "picodet": recognise_picodet,
    "yolox": recognise_yolox,
    "yolov5": recognise_yolov5,
    "yolov8": recognise_yolov8,
    "fastestdet": recognise_fastestdet,
}
