"""Embedders by name: each as an ONNX network of one input and one output, and what is to be done before it.

name           weights                                    licence                      chip
dlib           `pipit data fetch dlib_faces`              CC0 1.0                      150 x 150
mobilefacenet  `pipit data fetch mobilefacenet`           none stated                  112 x 96
facenet        the user's ONNX file                       the file's                   160 x 160
arcface        the user's ONNX file                       the file's                   112 x 112
pixels         none: grey levels, the trivial baseline    -                            112 x 112
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import onnx
from pipit.errors import InvalidInput, NotFound
from pipit.faces.embedding import EmbedderSettings
from pipit.files import write_atomically
from pipit.training import mobilefacenet as published

from home_security.faces import mobilefacenet, pixels
from home_security.faces.centres import CENTRES
from home_security.faces.dlib_conversion import DIMENSIONS, DIVISOR, convert_dlib
from home_security.faces.dlib_weights import FILE as DLIB_FILE
from home_security.faces.graph import with_centre, with_mirror
from home_security.faces.own_network import read_own_network

BASELINE = "pixels"
_INSTEAD = f"name another embedder in the recipe; `{BASELINE}` needs no weights"


@dataclass(frozen=True, slots=True)
class Embedder:
    """network: takes and gives what `pipit.faces.embedding` names. licence: what a user of the bundle has to know."""

    settings: EmbedderSettings
    network: onnx.ModelProto
    licence: str

    def write(self, path: Path) -> None:
        """The network, as an ONNX file."""
        write_atomically(path, self.network.SerializeToString(deterministic=True))


@dataclass(frozen=True, slots=True)
class Wanted:
    """data: the folder of data sets. weights: the user's own ONNX file. bgr, per_picture: see `EmbedderSettings`."""

    data: Path | None = None
    weights: Path | None = None
    bgr: bool = False
    per_picture: bool = False


def embedder_names() -> tuple[str, ...]:
    """Sorted."""
    return tuple(sorted(_MAKERS))


def make_embedder(name: str, wanted: Wanted, *, flipped: bool = False, centred: bool = True) -> Embedder:
    """The network and its settings.

    flipped: adds the vector of the mirrored face, which doubles the time. centred: takes the space's centre off, where
    it is known; see `home_security.faces.centres`.

    Raises NotFound where weights are missing, InvalidInput for a wrong file or an unknown name.
    """
    if name not in _MAKERS:
        raise InvalidInput(f"there is no embedder {name!r}; there are {', '.join(embedder_names())}")
    embedder = _MAKERS[name](wanted)
    network = with_mirror(embedder.network) if flipped else embedder.network
    if centred and name in CENTRES:
        network = with_centre(network, CENTRES[name])
    return Embedder(replace(embedder.settings, flipped=flipped), network, embedder.licence)


def weights_files(name: str, wanted: Wanted) -> dict[str, Path]:
    """The files that the embedder `name` is made of, by names that are the same on every machine. Raises NotFound."""
    if name == "dlib":
        path = dlib_weights(wanted.data)
    elif name == "mobilefacenet":
        path = published.weights_file(wanted.data, _INSTEAD)
    elif wanted.weights is not None:
        path = wanted.weights
        if not path.is_file():
            raise NotFound(f"there is no file {path}; name the embedder's ONNX file by weights of the recipe")
    else:
        return {}
    return {f"weights/{path.name}": path}


def dlib_weights(data: Path | None) -> Path:
    """Where dlib's weights lie below the folder of data sets. Raises NotFound."""
    path = None if data is None else data / DLIB_FILE
    if path is None or not path.is_file():
        raise NotFound(
            f"dlib's network for faces is not at {path or f'$PIPIT_DATA/{DLIB_FILE}'}; "
            f"run `pipit data fetch dlib_faces` and set PIPIT_DATA, or {_INSTEAD}"
        )
    return path


def _dlib(wanted: Wanted) -> Embedder:
    model, network = convert_dlib(dlib_weights(wanted.data))
    size = network.size
    settings = EmbedderSettings("dlib", "dlib", size, size, DIMENSIONS, network.mean, DIVISOR)
    return Embedder(settings, model, "dlib's network for faces by Davis King, CC0 1.0: in the public domain")


def _mobilefacenet(wanted: Wanted) -> Embedder:
    model = mobilefacenet.convert_mobilefacenet(published.weights_file(wanted.data, _INSTEAD))
    width, height, dimensions = mobilefacenet.WIDTH, mobilefacenet.HEIGHT, mobilefacenet.DIMENSIONS
    settings = EmbedderSettings("mobilefacenet", "arcface", width, height, dimensions, deviation=128.0)
    licence = "MobileFaceNet's published weights state no licence and learnt from CASIA-WebFace, for research only"
    return Embedder(settings, model, licence)


def _own(name: str, width: int, deviation: float, wanted: Wanted) -> Embedder:
    if wanted.weights is None:
        raise InvalidInput(f"the embedder {name} is an ONNX file of your own; name it by `weights:` of the recipe")
    with tempfile.TemporaryDirectory() as scratch:
        own = read_own_network(wanted.weights, width, width, Path(scratch))
    mean = 0.0 if own.scales else 127.5
    settings = EmbedderSettings(
        *(name, name, width, width, own.dimensions, (mean, mean, mean), 1.0 if own.scales else deviation),
        per_picture=wanted.per_picture,
        bgr=wanted.bgr,
    )
    return Embedder(
        settings, own.model, f"{wanted.weights.name}, which the trainer of this bundle brought: see its own"
    )


def _facenet(wanted: Wanted) -> Embedder:
    return _own("facenet", 160, 128.0, wanted)


def _arcface(wanted: Wanted) -> Embedder:
    return _own("arcface", 112, 127.5, wanted)


def _pixels(wanted: Wanted) -> Embedder:
    settings = EmbedderSettings("pixels", "arcface", pixels.SIZE, pixels.SIZE, pixels.DIMENSIONS)
    return Embedder(settings, pixels.make_pixels(), "No weights: grey levels, computed")


_MAKERS: Mapping[str, Callable[[Wanted], Embedder]] = MappingProxyType(
    {"dlib": _dlib, "mobilefacenet": _mobilefacenet, "facenet": _facenet, "arcface": _arcface, BASELINE: _pixels}
)
