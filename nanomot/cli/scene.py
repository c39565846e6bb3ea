"""The built-in scene as a source of frames, and its result judged."""

from __future__ import annotations

import tempfile
from pathlib import Path

from nanomot.evaluation import COMBINED, SequenceFiles, judge
from nanomot.synthetic import Scene
from nanomot.video.frames import ImageSequenceSource

NAME = "scene"


class DemoScene:
    """The scene that ``nanomot track`` shows without arguments."""

    def __init__(self) -> None:
        self.scene = Scene()

    def source(self) -> ImageSequenceSource:
        """Its frames, rendered while they are asked for."""
        return ImageSequenceSource(self.scene, fps=self.scene.fps, name=NAME, frame_count=len(self.scene))

    def judge(self, result: Path) -> dict[str, float]:
        """HOTA and the other metrics of a result file against the scene's ground truth."""
        with tempfile.TemporaryDirectory() as folder:
            truth = Path(folder) / "gt.txt"
            self.scene.write_truth(truth)
            return judge({NAME: SequenceFiles(truth, result, len(self.scene))})[COMBINED]
