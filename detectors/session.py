"""onnxruntime sessions: options, devices, and errors in one sentence."""

from __future__ import annotations

import re
from typing import Any

import onnxruntime as ort

from nanomot.errors import NanomotError

_SILENT = 4
"""onnxruntime's severity FATAL: what goes wrong is raised, so its own lines on the terminal add nothing."""


def providers_for(device: str) -> list[Any]:
    """Execution providers of onnxruntime for ``cpu``, ``cuda``, ``cuda:1`` or a GPU's number.

    Raises:
        NanomotError: the device is not one of these, or this onnxruntime cannot use it.
    """
    text = str(device).strip().lower()
    if text in ("", "cpu"):
        return ["CPUExecutionProvider"]
    match = re.fullmatch(r"(?:cuda|gpu)?:?(\d*)", text)
    if match is None:
        raise NanomotError(f"device is {device!r}, but must be cpu, cuda, cuda:N or a GPU's number.")
    available = ort.get_available_providers()
    if "CUDAExecutionProvider" not in available:
        raise NanomotError(
            f"device {device!r}: this onnxruntime has no CUDA support (it has {', '.join(available)}); install "
            "onnxruntime-gpu instead of onnxruntime, or use the device cpu."
        )
    return [("CUDAExecutionProvider", {"device_id": int(match[1] or 0)}), "CPUExecutionProvider"]


def create_session(model: bytes, *, threads: int | None, device: str) -> ort.InferenceSession:
    """A session for a serialised model; ``threads`` inside one operator, None for one per core.

    Raises:
        Exception: onnxruntime's own, where it cannot build the model.
    """
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = _SILENT
    # Workers that wait by spinning take a quarter to a third more CPU time, which decoding and tracking need meanwhile.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if threads is not None:
        if threads < 1:
            raise NanomotError(f"threads is {threads}, but must be 1 or more.")
        options.intra_op_num_threads = threads
    providers = providers_for(device)
    session = ort.InferenceSession(model, options, providers=providers)
    if providers[0] != "CPUExecutionProvider" and "CUDAExecutionProvider" not in session.get_providers():
        raise NanomotError(f"device {device!r}: onnxruntime could not start CUDA; its libraries or driver are missing.")
    return session
