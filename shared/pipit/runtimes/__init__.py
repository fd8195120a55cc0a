"""ONNX Runtime and LiteRT behind one small interface.

`load_runtime` imports only the runtime that a variant names, so that an image needs only that one.
"""

from pipit.runtimes.base import Runtime, TensorSpec
from pipit.runtimes.loader import load_runtime

__all__ = ["Runtime", "TensorSpec", "load_runtime"]
