"""Imports run one way, in circles nowhere, and what serves needs nothing that trains; held by import-linter."""

from __future__ import annotations

import configparser
import io
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from pipit.deployment import read_domains

REPOSITORY = Path(__file__).parents[2]
TRAINING = {"training", "cli", "data", "deployment"}
"""Packages of pipit that no server needs. All others may run on a Pi."""
TRAINERS_LIBRARIES = (
    *("pipit.training", "pipit.cli", "tensorflow", "keras", "torch", "lightning", "onnxscript", "mediapipe", "cv2"),
    *("librosa", "sklearn", "scipy", "matplotlib", "onnx", "typer", "rich"),
)
PASSED_OVER = (
    # Networks of landmarks are run beside the inputs that they need.
    "pipit.inputs.landmarks.* -> pipit.runtimes.*",
    "pipit.inputs.landmarks.* -> pipit.data.landmark_networks",
)
"""Circles between packages, not between modules."""


def modules_of_pipit() -> set[str]:
    """Names of what lies in the package."""
    found = {path.stem for path in (REPOSITORY / "shared/pipit").glob("[a-z]*.py")}
    return found | {path.parent.name for path in (REPOSITORY / "shared/pipit").glob("*/__init__.py")} - {"_pb"}


def rules(root: Path) -> str:
    """Import-linter's configuration for pipit, the registry and the domains in `root`."""
    domains = [domain.package for domain in read_domains(root)]
    projects = [tomllib.loads((root / "services" / name / "pyproject.toml").read_text("utf-8")) for name in domains]
    pipelines = [
        place.partition(":")[0]
        for project in projects
        for place in project["project"]["entry-points"]["pipit.pipelines"].values()
    ]
    services = ["model_registry", *domains]
    contracts = [
        {
            "name": "Arrows run one way: shared <- services, and no service imports another",
            "type": "layers",
            "layers": [" | ".join(services), "pipit"],
        },
        {
            "name": "What serves knows nothing of training",
            "type": "forbidden",
            "source_modules": [*(f"pipit.{name}" for name in sorted(modules_of_pipit() - TRAINING)), *pipelines],
            "forbidden_modules": TRAINERS_LIBRARIES,
        },
        {
            "name": "Only the registry service talks to MinIO",
            "type": "forbidden",
            "source_modules": [*(f"pipit.{name}" for name in sorted(modules_of_pipit() - {"storage"})), *domains],
            "forbidden_modules": ["minio", "pipit.storage.minio"],
        },
        {
            "name": "No circles",
            "type": "acyclic_siblings",
            "ancestors": ["pipit", *services],
            "ignore_imports": PASSED_OVER,
            "unmatched_ignore_imports_alerting": "none",
        },
    ]
    parser = configparser.ConfigParser()
    parser["importlinter"] = {
        "root_packages": lines(["pipit", *services]),
        "include_external_packages": "True",
        "exclude_type_checking_imports": "True",
    }
    for number, contract in enumerate(contracts):
        parser[f"importlinter:contract:{number}"] = {
            key: value if isinstance(value, str) else lines(value) for key, value in contract.items()
        }
    return written(parser)


def lines(entries: list[str] | tuple[str, ...]) -> str:
    return "\n" + "\n".join(entries)


def written(parser: configparser.ConfigParser) -> str:
    stream = io.StringIO()
    parser.write(stream)
    return stream.getvalue()


def lint(root: Path, folder: Path) -> tuple[int, str]:
    """Exit code and report."""
    (folder / "importlinter.ini").write_text(rules(root))
    search = os.pathsep.join(str(path.parent) for path in root.glob("services/*/domain.toml"))
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--config", folder / "importlinter.ini"],
        env={**os.environ, "PYTHONPATH": search, "COLUMNS": "200"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_rules_hold(tmp_path: Path) -> None:
    code, report = lint(REPOSITORY, tmp_path)
    assert code == 0, report
    assert "4 kept, 0 broken" in report


@pytest.mark.parametrize(
    ("module", "statement", "broken"),
    [
        ("toys.blocks.pipeline", "import pipit.training.splits", "What serves knows nothing of training"),
        ("toys.helper", "import sklearn", "What serves knows nothing of training"),
        ("toys.helper", "import model_registry.servicer", "Arrows run one way"),
        ("toys.helper", "import pipit.storage.minio", "Only the registry service talks to MinIO"),
        ("toys.helper", "import toys.blocks.pipeline", "No circles"),
        ("toys.helper", "", ""),
    ],
)
def test_a_domain_is_held_to_them_as_soon_as_it_is_there(
    tmp_path: Path, module: str, statement: str, broken: str
) -> None:
    folder = tmp_path / "services/toys"
    (folder / "toys/blocks").mkdir(parents=True)
    for name in ("toys/__init__.py", "toys/blocks/__init__.py", "toys/helper.py"):
        (folder / name).touch()
    (folder / "toys/blocks/pipeline.py").write_text("import toys.helper\n")
    with (folder / f"{module.replace('.', '/')}.py").open("a") as file:
        file.write(f"{statement}\n")
    (folder / "domain.toml").write_text(
        'title = "toys"\nport = 50060\n[server]\ndescription = "d"\nmemory_mib = 512\n'
        '[trainer]\ndescription = "d"\nmemory_mib = 512\n'
    )
    (folder / "pyproject.toml").write_text(
        '[project.entry-points."pipit.pipelines"]\n"toys.blocks" = "toys.blocks.pipeline:Blocks"\n'
        '[project.entry-points."pipit.trainers"]\n"toys.blocks" = "toys.blocks.task:Blocks"\n'
    )
    code, report = lint(tmp_path, tmp_path)
    found = re.findall(r"^(.+) BROKEN( \(.+\))?$", report, re.MULTILINE)
    assert [name.startswith(broken) for name, _ in found] == ([True] if broken else []), report
    assert (code != 0) == bool(broken)
