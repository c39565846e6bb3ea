"""Judging tracks against ground truth, by the libraries of the field."""

from nanomot.evaluation.judge import COMBINED, SequenceFiles, judge

__all__ = ["COMBINED", "SequenceFiles", "judge"]
