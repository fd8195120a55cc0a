"""Where the `pipit` command begins. An inference image has the command's files, but not the libraries it needs."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line, or says what to install."""
    try:
        from pipit.cli.main import main as run  # noqa: PLC0415 (the import is what may fail)
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        sys.exit(
            f"pipit: the command line needs {error.name}, which an inference image leaves out: in the repository, "
            "pip install --editable 'shared[cli]' (the distribution pipit-shared[cli]). "
            "To serve, no command line is needed: python -m pipit.serving --help"
        )
    run()
