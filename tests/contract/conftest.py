"""Lends the tiny task and its servers from the tests of `pipit.serving`."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType


def _fixtures_of(path: Path) -> ModuleType:
    name = f"lent_{path.parent.name}"
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    # Its dataclasses look their module up by name.
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_serving = _fixtures_of(Path(__file__).parents[2] / "shared/tests/serving/conftest.py")
make_bundle = _serving.make_bundle
serve = _serving.serve
