"""BoT-SORT without ReID: BYTE's stages, widths that are filtered as such, camera motion (Aharon et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from nanomot.kalman import MotionModel, XywhMotion
from nanomot.trackers.base import Array
from nanomot.trackers.bytetrack import ByteTracker, StageParameters
from nanomot.trackers.parameters import Fraction


@dataclass(frozen=True)
class BotParameters(StageParameters):
    """Parameters of BoT-SORT."""

    birth_threshold: Fraction
    """A left-over detection starts a track from this score on."""
    duplicate_iou: Fraction
    """Of a tracked and a lost track that overlap by more, the younger is removed."""


class BotTracker(ByteTracker):
    """BoT-SORT with the parameters of :class:`BotParameters`; camera motion is the ``warp`` of ``update``."""

    parameter_class: ClassVar[type[Any]] = BotParameters
    motion: MotionModel = XywhMotion()

    def _track_boxes(self) -> Array:
        return self.table.kalman.boxes()
