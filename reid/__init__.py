"""Appearance embeddings for tracks: crops in, unit vectors out. The extractor itself is not built yet."""

NANOMOT_PACKAGE = True
"""Tells this package from a folder of the user's that has the same name."""
