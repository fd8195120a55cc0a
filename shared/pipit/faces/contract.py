"""What a pipeline of faces gives to the parts of a server that enrol people."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pipit.faces.gallery import Gallery
from pipit.types import Decoded, Tensors


@runtime_checkable
class NamesFaces(Protocol):
    """A `Pipeline` whose labels are people. embedder: the digest that its vectors carry in templates."""

    embedder: str

    def use_gallery(self, gallery: Gallery) -> None:
        """Names people of `gallery` from the next input on. May take long; answers go on meanwhile with the old one.

        Templates of another embedder are left out. From any thread but never from two at once.
        """
        ...

    def vectors(self, outputs: Tensors, decoded: Decoded) -> NDArray[np.float32]:
        """Embeddings of the faces of `decoded`, shape (faces, dimensions), each of length 1."""
        ...
