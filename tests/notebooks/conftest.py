"""One kernel for all notebooks of a worker: to start it and to import what it imports takes longer than most cells."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

sys.path.insert(0, str(Path(__file__).parent))

from notebook_cells import Execute, read

PATIENCE = 240
"""Seconds until a kernel is there, and until what a cell wrote is: by default 4 for the latter, and then it is lost."""
UNCHANGED = "CHANGES = {}"
SOUNDS_TASK = 'TASK = "home_security.sounds"'


@pytest.fixture(scope="session")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AsyncKernelManager]:
    """On a machine without data."""
    folder = tmp_path_factory.mktemp("kernel")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIPIT_")}
    for variable in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "MPLCONFIGDIR"):
        environment[variable] = str(folder / variable.lower())
    manager = AsyncKernelManager()
    run_sync(manager.start_kernel)(env=environment, cwd=str(folder))
    yield manager
    run_sync(manager.shutdown_kernel)(now=True)


@pytest.fixture
def execute(kernel: AsyncKernelManager, tmp_path: Path) -> Execute:
    """Runs a notebook in the test's folder, as deep as it lies below `notebooks`. No notebook sees another's names.

    changes: of its recipe, so that it is short. task: where the notebook is for any.
    """

    def run(name: str, changes: str = "{}", task: str = "") -> NotebookNode:
        notebook = read(name)
        (cell,) = [cell for cell in notebook.cells if UNCHANGED in cell.source.splitlines()]
        cell.source = cell.source.replace(UNCHANGED, f"CHANGES = {changes}")
        if task:
            assert SOUNDS_TASK in cell.source.splitlines()
            cell.source = cell.source.replace(SOUNDS_TASK, f'TASK = "{task}"')
        folder = (tmp_path / name).parent
        folder.mkdir(exist_ok=True)
        notebook.cells.insert(0, new_code_cell(f"%reset -f\n%cd -q {folder}"))
        client = NotebookClient(notebook, km=kernel, timeout=None, startup_timeout=PATIENCE, iopub_timeout=PATIENCE)
        try:
            return client.execute()
        finally:
            client.kc.stop_channels()

    return run
