"""Writes dlib_reference.npy: what dlib itself says of two pictures that formulas draw. Needs dlib; the tests do not.

pip install --target FOLDER dlib-bin==20.0.1.post1
PYTHONPATH=FOLDER PIPIT_DATA=… python services/home_security/tests/faces/make_dlib_reference.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pipit.settings import DataSettings, load_settings

REFERENCE = Path(__file__).with_name("dlib_reference.npy")
SIZE = 150


def pictures() -> NDArray[np.uint8]:
    """Shape (2, 150, 150, 3): ramps and waves; two dark spots and a bar on a bright oval, which is nearly a face."""
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    ramps = np.stack([(3 * x + y) % 256, (x * y // 40) % 256, (255 - y) % 256], axis=-1)
    oval = ((x - 75) / 48) ** 2 + ((y - 80) / 62) ** 2 < 1
    spots = ((abs(x - 75) - 24) ** 2 + (y - 60) ** 2 < 64) | ((abs(x - 75) < 22) & (abs(y - 112) < 4))
    level = np.where(spots, 40, np.where(oval, 200 - abs(x - 60) // 2, 90 + y // 4))
    return np.stack([ramps, np.stack([level, level * 7 // 8, level * 3 // 4], axis=-1)]).astype(np.uint8)


def main() -> None:
    """See the module."""
    import dlib
    from home_security.faces.networks import dlib_weights

    network = dlib.face_recognition_model_v1(str(dlib_weights(load_settings(DataSettings).data)))
    rows = np.array([network.compute_face_descriptor(picture) for picture in pictures()], np.float32)
    np.save(REFERENCE, rows)
    sys.stdout.write(f"{REFERENCE}: {rows.shape}, dlib {dlib.__version__}\n")


if __name__ == "__main__":
    main()
