"""Pictures to landmarks of faces, for tasks that look at points alone. The same code in the trainer and on the device.

decode -> FaceAndBody -> 1,536 features a face -> [network]
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from pipit.errors import InvalidInput
from pipit.inputs import EncodedImage, Input, Landmarks, TensorInput, describe
from pipit.inputs.landmarks import FEATURES, FaceAndBody
from pipit.pipelines.rows import take_rows
from pipit.runtimes.base import Runtime
from pipit.types import Decoded

INPUT = "features"
NONE: Mapping[str, Runtime] = MappingProxyType({})


class FaceFeatures:
    """What a pipeline of faces does before the network: the base of such pipelines. Shared by threads."""

    def __init__(self, networks: Mapping[str, Runtime] = NONE) -> None:
        """networks: those that find faces, by the names of `pipit.inputs.landmarks.networks`; none: landmarks alone."""
        self._faces = FaceAndBody(networks) if networks else None

    def decode(self, item: Input) -> Decoded:
        """A picture: one row a face, largest first, none where there is no face; regions are boxes in it.

        Landmarks: one row. `features`, float32, shape (rows, 1536). A tensor of one row's shape, or of rows of it, is
        taken as it is. Raises InvalidInput, InputTooLarge.
        """
        if isinstance(item, TensorInput):
            return take_rows(item, INPUT, (FEATURES,))
        if isinstance(item, Landmarks):
            return take_rows(TensorInput(INPUT, item.values.astype(np.float32)), INPUT, (FEATURES,))
        if not isinstance(item, EncodedImage):
            raise InvalidInput(f"this task takes a picture or landmarks, not {describe(item)}")
        if self._faces is None:
            raise InvalidInput("this bundle has no networks that look at pictures; send landmarks, or make it anew")
        found = self._faces.open_stream(None, body=False).find_encoded(item, 0.0).found
        rows = np.stack([face.features for face in found]) if found else np.zeros((0, FEATURES), np.float32)
        return Decoded({INPUT: rows}, tuple(face.box for face in found))

    def open_stream(self) -> None:
        """Each picture is answered by itself."""
