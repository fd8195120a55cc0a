"""Where faces lie on average in the space of each embedder: prints what `home_security/faces/centres.py` holds.

    PIPIT_DATA=… python tests/load/face_centres.py

Of 3,000 pictures that a seed draws from the training part of `expressions/fer2013`, aligned; nobody of `faces` is
chosen or measured by them.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from face_vectors import aligned_chips, ask_embedder, search_crowd
from home_security.faces.networks import Wanted, make_embedder
from pipit.faces.embedding import unit_vectors
from pipit.landmarks import FaceAndBody
from pipit.settings import DataSettings, load_settings

PICTURES = 3000
EMBEDDERS = ("dlib", "mobilefacenet")


def main() -> None:
    """Searches the pictures once, and embeds them by each."""
    data = load_settings(DataSettings).data
    if data is None:
        sys.exit("set PIPIT_DATA to the folder that holds `expressions` and `backbones`")
    networks = FaceAndBody.load(body=False)
    faces = search_crowd(networks, data, PICTURES)
    networks.close()
    for name in EMBEDDERS:
        embedder = make_embedder(name, Wanted(data), centred=False)
        chips = aligned_chips(faces, embedder.settings.chip)
        with tempfile.TemporaryDirectory() as scratch, ask_embedder(embedder, Path(scratch)) as ask:
            centre = unit_vectors(ask(chips)).mean(axis=0, dtype=np.float64)
        numbers = ", ".join(f"{value:.4f}" for value in centre)
        sys.stdout.write(f"{name}, {len(chips)} faces: {numbers}\n")


if __name__ == "__main__":
    main()
