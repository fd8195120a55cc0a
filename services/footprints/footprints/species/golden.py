"""Golden inputs: drawn prints, so that no bundle carries somebody's photograph.

They prove the device's arithmetic, all of it: file format, crop, networks. What they are named as matters as little.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pipit.errors import IntegrityError
from pipit.inputs import EncodedImage, Input
from pipit.inputs.image import decode_image

from footprints.prints import PrintFinder
from footprints.species.synthetic import ANIMALS, draw_print, encoded

MOST_TRIES = 20
"""Pictures drawn for each that is kept."""


def golden_inputs(count: int, seed: int, finder: PrintFinder | None = None) -> Sequence[Input]:
    """`count` pictures, in turn PNG and JPEG. The same seed gives the same pictures.

    finder: leaves out those on which its detector is not certain; see `PrintFinder.is_certain`. Raises IntegrityError
    where it hardly ever is.
    """
    animals = sorted(ANIMALS)
    generator = np.random.default_rng([seed, 1_000])
    inputs: list[Input] = []
    for number in range(count * MOST_TRIES):
        kind = "JPEG" if len(inputs) % 2 else "PNG"
        drawn = EncodedImage(encoded(draw_print(animals[number % len(animals)], generator), kind))
        if finder is None or finder.is_certain(decode_image(drawn)):
            inputs.append(drawn)
        if len(inputs) == count:
            return inputs
    raise IntegrityError(
        f"the detector is certain of {len(inputs)} of {count * MOST_TRIES} drawn pictures, not of {count}; another "
        "processor might find other prints; train it longer, or choose another threshold"
    )
