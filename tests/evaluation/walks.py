"""Small sequences in MOTChallenge layout: people who walk straight past each other."""

from __future__ import annotations

import numpy as np

from nanomot.detections import Detections

LENGTH = 40
_PEOPLE = 5


def make_walk(folder, seed, *, length=LENGTH):
    """A sequence whose public boxes are the truth itself, with the score .9, and false boxes with the score .5."""
    rng = np.random.default_rng(seed)
    for name in ("gt", "det"):
        (folder / name).mkdir(parents=True)
    starts = rng.uniform(100, 500, (_PEOPLE, 2))
    speeds = rng.uniform(-4, 4, (_PEOPLE, 2))
    truth, boxes = [], []
    for frame in range(length):
        for person, (left, top) in enumerate(starts + frame * speeds, start=1):
            place = f"{left:.2f},{top:.2f},40,100"
            truth.append(f"{frame + 1},{person},{place},1,1,1\n")
            boxes.append(f"{frame + 1},-1,{place},0.9,-1,-1,-1\n")
        left, top = rng.uniform(600, 640, 2)
        boxes.append(f"{frame + 1},-1,{left:.2f},{top:.2f},40,100,0.5,-1,-1,-1\n")
    (folder / "gt" / "gt.txt").write_text("".join(truth))
    (folder / "det" / "det.txt").write_text("".join(boxes))
    (folder / "seqinfo.ini").write_text(
        f"[Sequence]\nname={folder.name}\nimDir=img1\nframeRate=25\nseqLength={length}\nimWidth=800\nimHeight=800\n"
    )


def boxes_of(sequence, *, drop=0):
    """The sequence's public boxes; of ``drop`` rows one is missing."""
    rows = np.loadtxt(sequence.folder / "det" / "det.txt", delimiter=",")
    for frame in range(1, sequence.length + 1):
        here = rows[rows[:, 0] == frame]
        here = here[(np.arange(len(here)) + frame) % drop > 0] if drop else here
        yield Detections(np.concatenate([here[:, 2:4], here[:, 2:4] + here[:, 4:6]], axis=1), here[:, 6])
