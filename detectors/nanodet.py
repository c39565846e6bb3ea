"""NanoDet and NanoDet-Plus: which outputs are theirs, and where their cells are anchored.

Exports differ (one tensor, two per level, with or without the batch dimension, distances as distributions or taken to
their mean, scores as logits), the boxes do not: :mod:`detectors.gfl` decodes them all.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from detectors.gfl import GflHead, GflLayout, find_layout
from detectors.layouts import Shape, Size, find_strides
from detectors.manifest import Manifest
from detectors.yolox import may_be_yolox

_log = logging.getLogger("nanomot.detectors")


def recognise_nanodet(shapes: Sequence[Shape], size: Size, manifest: Manifest) -> GflHead | None:
    """NanoDet: three levels, anchored at the cell's centre (``gfl_head`` of NanoDet)."""
    layout = _layout(shapes, size, manifest)
    if layout is None or (manifest.family is None and _is_plus(layout)):
        return None
    if layout.joined and manifest.family is None and manifest.cell_offset is None:
        _log.warning(
            "One output with three levels is taken for NanoDet, whose cells are anchored at their centre; for a "
            "NanoDet-Plus without its fourth level give `family: nanodet-plus` in a manifest."
        )
    return GflHead("nanodet", layout, size, 0.5 if manifest.cell_offset is None else manifest.cell_offset)


def recognise_nanodet_plus(shapes: Sequence[Shape], size: Size, manifest: Manifest) -> GflHead | None:
    """NanoDet-Plus: four levels, anchored at the cell's corner (``get_single_level_center_priors``)."""
    layout = _layout(shapes, size, manifest)
    if layout is None or (manifest.family is None and not _is_plus(layout)):
        return None
    return GflHead("nanodet-plus", layout, size, manifest.cell_offset or 0.0)


def _layout(shapes: Sequence[Shape], size: Size, manifest: Manifest) -> GflLayout | None:
    if manifest.family is None and len(shapes) == 1 and len(shapes[0]) == 3:
        rows, width = shapes[0][1:]
        # YOLOX's rows have the same cells; where its reading of the width is the usual one, it alone answers.
        if find_strides(rows, size, manifest) == (8, 16, 32) and may_be_yolox(width, manifest) == "surely":
            return None
    layout = find_layout(shapes, size, manifest)
    if layout is None or (manifest.family is None and _is_picodet(layout)):
        return None
    return layout


def _is_plus(layout: GflLayout) -> bool:
    return len(layout.strides) == 4 and (layout.joined or layout.spatial)


def _is_picodet(layout: GflLayout) -> bool:
    return len(layout.strides) == 4 and not layout.joined and not layout.spatial
