"""Video in, video and result files out, and the drawing in between."""

# Imported first for its effect: OpenCV and FFmpeg read how much they may print when they are loaded.
from nanomot.video import opencv as _opencv  # noqa: F401
