"""The networks, and MediaPipe's own answers for the photograph that the reference numbers were made of."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pipit.landmarks import FaceAndBody


@pytest.fixture(scope="session")
def networks(networks_folder: Path) -> FaceAndBody:
    return FaceAndBody.load(networks_folder)


@pytest.fixture(scope="session")
def made() -> ModuleType:
    """make_reference.py, for the pictures that the numbers belong to."""
    path = Path(__file__).with_name("make_reference.py")
    spec = importlib.util.spec_from_file_location("make_reference", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def reference(made: ModuleType) -> Mapping[str, NDArray[Any]]:
    """What MediaPipe 0.10.18 answered, by "picture/faces" and "picture/body"."""
    with np.load(made.REFERENCE) as arrays:
        return {name: arrays[name] for name in arrays.files}
