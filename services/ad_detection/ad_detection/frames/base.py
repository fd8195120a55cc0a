"""What a training goes on from: another run, or a bundle.

    run       fit/network.keras     as it was trained
    bundle    its variant float32   the same function, batch norm folded (`pipit.training.keras_litert`)

What comes out is held against the bundle, or the one that the run ended with: at its own threshold, by what serves.
"""

from __future__ import annotations

from pathlib import Path

import keras
from pipit.bundle import MANIFEST_FILE, Bundle, open_bundle
from pipit.errors import InvalidInput, NotFound
from pipit.training.keras_kit import FILE
from pipit.training.keras_litert import take_litert_weights

EXACT = "float32"
_ENDED = Path("publish") / "bundle"


def start_file(start: Path) -> Path:
    """The file that the weights come from. Raises NotFound."""
    if (start / MANIFEST_FILE).is_file():
        return open_bundle(start).weights(EXACT)
    path = start / "fit" / FILE
    if not path.is_file():
        raise NotFound(f"start_from: there is no trained network at {path}; name the folder of a run or of a bundle")
    return path


def base_bundle(start: Path) -> Bundle | None:
    """The bundle, or the one of the run; None where the run has none yet."""
    found = next((folder for folder in (start, start / _ENDED) if (folder / MANIFEST_FILE).is_file()), None)
    return None if found is None else open_bundle(found)


def load_start(start: Path, fresh: keras.Model) -> keras.Model:
    """The network as it was trained. fresh: the recipe's, with random weights.

    Raises NotFound, InvalidInput for another network.
    """
    path = start_file(start)
    if path.name != FILE:
        manifest = open_bundle(start).manifest
        high, wide = manifest.input.shape[:2]
        _require_same(path, (manifest.model_type, high, wide, len(manifest.labels)), fresh)
        take_litert_weights(fresh, path)
        return fresh
    # Without its optimiser, whose memory is of what was trained then.
    network: keras.Model = keras.models.load_model(path, compile=False)
    _require_same(path, _kind(network), fresh)
    return network


def _kind(network: keras.Model) -> tuple[str, int, int, int]:
    return network.name, *network.input_shape[1:3], network.output_shape[-1]


def _require_same(path: Path, found: tuple[str, int, int, int], fresh: keras.Model) -> None:
    wanted = _kind(fresh)
    if found != wanted:
        raise InvalidInput(
            f"start_from: {path} is {found[0]} of {found[1]} pixels and {found[3]} labels, the recipe's is "
            f"{wanted[0]} of {wanted[1]} and {wanted[3]}"
        )
