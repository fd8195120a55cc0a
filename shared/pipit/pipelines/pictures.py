"""Pictures to square crops, for tasks that look at the middle of a picture. The same code in trainer and device.

decode_with_size -> square_crop -> [network]
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pipit.errors import InvalidInput
from pipit.inputs import Input, TensorInput
from pipit.inputs.crops import square_around, square_crop
from pipit.inputs.image import decode_with_size
from pipit.pipelines.rows import take_rows
from pipit.types import Decoded

INPUT = "pixels"


class PictureCrops:
    """What a pipeline of pictures does before the network: the base of such pipelines. Shared by threads."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        """parameters: of the bundle's pipeline; `crop`, pixels a side. Raises InvalidInput."""
        try:
            self.crop = int(parameters["crop"])
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(f"the bundle's pipeline parameters are wrong ({error}); it needs crop") from error

    def decode(self, item: Input) -> Decoded:
        """A picture: one row, the largest square in its middle; the region is that square in full-resolution pixels.

        `pixels`, float32, RGB 0..255, shape (1, crop, crop, 3). A tensor of one row's shape, or of rows of it, is taken
        as it is. Raises InvalidInput, InputTooLarge.
        """
        if isinstance(item, TensorInput):
            return take_rows(item, INPUT, (self.crop, self.crop, 3))
        picture = decode_with_size(item, shorter_side=self.crop)
        row = square_crop(picture.pixels, None, 0.0, self.crop).astype(np.float32)
        return Decoded({INPUT: row[np.newaxis]}, (square_around(None, 0.0, picture.full_width, picture.full_height),))

    def open_stream(self) -> None:
        """Each picture is answered by itself."""
