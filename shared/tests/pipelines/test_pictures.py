from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from pipit.errors import InvalidInput
from pipit.inputs import EncodedImage
from pipit.inputs.crops import square_crop
from pipit.pipelines.pictures import PictureCrops
from pipit.types import Box


def png(pixels: np.ndarray) -> EncodedImage:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    return EncodedImage(stream.getvalue())


def test_a_picture_gives_the_square_in_its_middle() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (60, 100, 3)).astype(np.uint8)
    decoded = PictureCrops({"crop": 32}).decode(png(pixels))
    rows = decoded.tensors["pixels"]
    assert (rows.shape, rows.dtype) == ((1, 32, 32, 3), np.float32)
    np.testing.assert_array_equal(rows[0], square_crop(pixels, None, 0.0, 32))
    assert decoded.regions == (Box(20.0, 0.0, 60.0, 60.0),)


@pytest.mark.parametrize("parameters", [{}, {"crop": "wide"}, {"crop": None}])
def test_a_bundle_says_how_large_the_square_is(parameters: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match="it needs crop"):
        PictureCrops(parameters)
