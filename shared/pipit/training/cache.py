"""Arrays that cost time and do not change between runs: computed once, kept under a digest of all they depend on."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipit.files import reading_arrays, write_atomically


class ArrayCache:
    """One folder of `.npy` files. Processes may share it: a file is whole or absent, and never changes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: dict[str, Any], make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """The array for `key`, made by `make` where it is not kept yet or can't be read any more.

        key: of JSON's types; everything that the array depends on, with the digest of the content it is made from.
        """
        text = json.dumps(key, sort_keys=True, separators=(",", ":"))
        digest = hashlib.sha256(text.encode()).hexdigest()
        path = self.folder / digest[:2] / f"{digest}.npy"
        try:
            with reading_arrays:
                kept: NDArray[Any] = np.load(path, allow_pickle=False)
        except (FileNotFoundError, ValueError, EOFError):
            path.parent.mkdir(parents=True, exist_ok=True)
            made = make()
            buffer = io.BytesIO()
            np.save(buffer, made, allow_pickle=False)
            write_atomically(path, buffer.getvalue())
            return made
        return kept
