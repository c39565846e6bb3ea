"""Result files for tests."""

from nanomot.evaluation.result_files import result_text, sorted_by_frame


def write_tracks(path, rows):
    """Write (N, 7) rows as a result file, sorted by frame and id."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(result_text(sorted_by_frame(rows)))
