"""Appearance embeddings for tracks: crops in, unit vectors out. The extractor itself is not built yet."""
