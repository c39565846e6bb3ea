"""Detectors: from a picture to boxes with scores and classes."""

from __future__ import annotations

from detectors.classes import PERSON_IF_KNOWN
from detectors.loader import load_detector

__all__ = ["PERSON_IF_KNOWN", "load_detector"]
