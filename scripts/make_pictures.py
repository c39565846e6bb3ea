"""Draw the pictures of the documentation with the program itself: ``python scripts/make_pictures.py``."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from detectors import load_detector
from nanomot.pipeline import run
from nanomot.synthetic import Scene
from nanomot.video.drawing import Drawer
from nanomot.video.frames import ImageSequenceSource

TARGET = Path(__file__).resolve().parents[1] / "docs" / "images"
SHOWN = (112, 176)


def main() -> None:
    """Two moments of the built-in scene side by side, as ``nanomot track`` draws them."""
    scene = Scene()
    detector = load_detector("motion")
    drawer = Drawer(detector.class_names)
    pictures = []
    for step in run(ImageSequenceSource(scene, fps=scene.fps, name="scene"), detector, "nanotrack"):
        picture = drawer.draw(step.frame.image, step.tracks, time=step.frame.time)
        if step.frame.index in SHOWN:
            pictures.append(picture)
    TARGET.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(TARGET / "scene.jpg"), np.hstack(pictures), [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
