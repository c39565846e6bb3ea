"""PicoDet (Yu et al. 2021): a GFL head with four levels, one pair of outputs each, anchored at the cell's centre."""

from __future__ import annotations

from collections.abc import Sequence

from detectors.gfl import GflHead, find_layout
from detectors.layouts import Shape, Size
from detectors.manifest import Manifest


def recognise_picodet(shapes: Sequence[Shape], size: Size, manifest: Manifest) -> GflHead | None:
    """Eight outputs, scores and distances of four levels; another number of levels needs ``family: picodet``."""
    if len(shapes) < 2:
        return None
    layout = find_layout(shapes, size, manifest)
    if layout is None or layout.spatial or (manifest.family is None and len(layout.strides) != 4):
        return None
    return GflHead("picodet", layout, size, 0.5 if manifest.cell_offset is None else manifest.cell_offset)
