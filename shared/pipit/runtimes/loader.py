"""From the name of a runtime, as a bundle's variant states it, to a loaded network."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from pipit.errors import NotFound
from pipit.runtimes.base import Interpreters, Runtime
from pipit.runtimes.pool import join_pool

RUNTIMES = {
    "litert": ("pipit.runtimes.litert", "LiteRTRuntime", "ai-edge-litert"),
    "onnx": ("pipit.runtimes.onnx", "OnnxRuntime", "onnxruntime"),
}
"""Module, class and the wheel from PyPI that it needs."""


def load_runtime(path: Path, runtime: str, threads: int = 1, instances: int = 1) -> Runtime:
    """Loads the network in the file `path`, or joins those who use the same one in this process already.

    runtime: "litert" or "onnx". threads: cores that one run may use. instances: runs that may go on at the same time
    where the runtime's interpreter serves one caller only (LiteRT); one ONNX session serves any number. Users of one
    network share its instances, of which there are as many as the most demanding of them asked for.

    Every user closes what this gave to them; the last one frees the network.

    Raises NotFound for an unknown or missing runtime or a missing file, InvalidInput for a file that is no network
    of that kind.
    """
    if runtime not in RUNTIMES:
        raise NotFound(f"there is no runtime {runtime!r}; Pipit knows {', '.join(sorted(RUNTIMES))}")
    module, name, wheel = RUNTIMES[runtime]
    try:
        make: Callable[[Path, int, int], Interpreters] = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        raise NotFound(
            f"runtime {runtime!r} needs {error.name}, which is not installed here; pip install {wheel}"
        ) from error
    if not path.is_file():
        raise NotFound(f"there is no model file {path.name}; fetch the bundle again")
    return join_pool(path, runtime, threads, instances, make)
