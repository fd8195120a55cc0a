"""Writes a task into a checkout, whole or not at all."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template

from pipit.deployment import free_port, read_domains
from pipit.errors import AlreadyExists, InvalidInput, NotFound
from pipit.files import write_atomically
from pipit.skeleton.requirements import LOCKS, domain_with_all, requirements_of

_PARTS = ("pipeline", "recipe", "data", "task")
INPUTS = ("audio", "image", "face", "series")
FRAMEWORKS = ("keras", "torch")
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_KITS: Mapping[str, tuple[str, str, str]] = {
    "keras": ("keras_kit", "KerasKit", "LiteRtExport"),
    "torch": ("torch_kit", "TorchKit", "OnnxExport"),
}
_POINTS: Mapping[str, str] = {
    "pipit.pipelines": "pipeline:{camel}Pipeline",
    "pipit.trainers": "task:{camel}Trainer",
    "pipit.data_checks": "data:check_folder",
    "pipit.examples": "data:read_examples",
    "pipit.synthetic": "data:write_synthetic_set",
}


@dataclass(frozen=True, slots=True)
class Written:
    """files: all that are new or changed. locks_from: the domain whose locks a new domain got; None: it has none."""

    files: tuple[Path, ...]
    new_domain: bool
    locks_from: str | None = None


def write_task(root: Path, task: str, kind: str, framework: str) -> Written:
    """Writes the skeleton of `task`, "domain.name", into the checkout `root`. kind: one of INPUTS.

    A domain that is not there is made with it. Raises InvalidInput for a name that can't be one, NotFound if `root` is
    no checkout of Pipit, AlreadyExists if the task is there.
    """
    domain, _, name = task.partition(".")
    if not (_NAME.fullmatch(domain) and _NAME.fullmatch(name)) or domain == name:
        raise InvalidInput(f"{task!r} is no task: small letters, digits and single underscores, as in garden.birds")
    if kind not in INPUTS or framework not in FRAMEWORKS:
        raise InvalidInput(f"--input is one of {', '.join(INPUTS)}, and --framework one of {', '.join(FRAMEWORKS)}")
    if not (root / "shared" / "pyproject.toml").is_file() or not (root / "services").is_dir():
        raise NotFound(f"{root} is no checkout of Pipit: it has no services/ beside shared/; call this from its root")
    folder = root / "services" / domain
    is_new = not (folder / "domain.toml").is_file()
    if is_new and folder.exists() and any(folder.iterdir()):
        raise AlreadyExists(f"{folder} is there, but is no domain: it has no domain.toml; choose another name")
    package = folder / domain / name
    if package.exists():
        raise AlreadyExists(f"{task} is there already, in {package}")
    values = _values(root, domain, name, kind, framework)
    texts = _task_texts(folder, domain, name, kind, framework, values)
    locks_from: Path | None = None
    if is_new:
        texts |= _domain_texts(folder, domain, values)
        locks_from = domain_with_all(root, requirements_of(kind, framework))
    project = folder / "pyproject.toml"
    before = texts.get(project) or project.read_text("utf-8")
    texts[project] = _registered(before, task, values["camel"])
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())
    copied = []
    if locks_from is not None:
        names = (f"{lock}.{kind}.txt" for lock in LOCKS for kind in ("lock", "torch"))
        copied = [Path(shutil.copy(locks_from / name, folder)) for name in names if (locks_from / name).is_file()]
    return Written((*texts, *copied), is_new, locks_from.name if locks_from else None)


def _values(root: Path, domain: str, name: str, kind: str, framework: str) -> dict[str, str]:
    module, kit, export = _KITS[framework]
    camel = "".join(part.capitalize() for part in name.split("_"))
    own = (
        f"from {domain}.{name}.data import check_folder, write_synthetic_set\n"
        f"from {domain}.{name}.recipe import {camel}Recipe\n"
        f"from {domain}.{name}.task import {camel}Trainer\n"
    )
    line = f"from pipit.training.{module} import {kit}\n"
    needed = requirements_of(kind, framework)
    title = domain.replace("_", " ")
    return {
        "domain": domain,
        "name": name,
        "task": f"{domain}.{name}",
        "camel": camel,
        "dashed": domain.replace("_", "-"),
        "title": title,
        "Title": title.capitalize(),
        # Imports are sorted: these stand before or after others.
        "own_first": own if domain < "pipit" else "",
        "own_last": own if domain > "pipit" else "",
        "kit_first": line if framework == "keras" else "",
        "kit_last": line if framework == "torch" else "",
        "kit": kit,
        "export": export,
        "variants": "float32, int8",
        "port": str(free_port(read_domains(root))),
        "landmarks": "landmarks = true\n" if kind == "face" else "",
        "serve": ", ".join(f'"{each}"' for each in needed.serve),
        "train": "\n".join(f'  "{each}",' for each in needed.train),
    }


def _task_texts(
    folder: Path, domain: str, name: str, kind: str, framework: str, values: Mapping[str, str]
) -> dict[Path, str]:
    package = folder / domain / name
    return {
        package / "__init__.py": "",
        **{package / f"{part}.py": _filled(f"{part}_{kind}.py", values) for part in _PARTS},
        package / "network.py": _filled(f"network_{kind}_{framework}.py", values),
        folder / "configs" / f"{name}-synthetic.yaml": _filled(f"recipe_{kind}.yaml", values),
        folder / "tests" / name / "test_task.py": _filled("test.py", values),
    }


def _domain_texts(folder: Path, domain: str, values: Mapping[str, str]) -> dict[Path, str]:
    return {
        folder / domain / "__init__.py": "",
        folder / "domain.toml": _filled("domain.toml", values).rstrip() + "\n",
        folder / "pyproject.toml": _filled("pyproject.toml", values),
        folder / "README.md": _filled("README.md", values),
    }


def _filled(name: str, values: Mapping[str, str]) -> str:
    template = files("pipit.skeleton").joinpath("templates", f"{name}.txt").read_text("utf-8")
    return Template(template).substitute(values)


def _registered(project: str, task: str, camel: str) -> str:
    """The text of a pyproject.toml with the task's entry points; whatever else stands there stays as it is."""
    for group, target in _POINTS.items():
        line = f'"{task}" = "{task}.{target.format(camel=camel)}"\n'
        heading = f'[project.entry-points."{group}"]\n'
        if heading in project:
            begin = project.index(heading) + len(heading)
            end = project.find("\n\n", begin)
            end = len(project) if end < 0 else end + 1
            project = project[:end] + line + project[end:]
        else:
            project = project.rstrip("\n") + f"\n\n{heading}{line}"
    tomllib.loads(project)
    return project
