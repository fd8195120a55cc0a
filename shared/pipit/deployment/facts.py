"""What a domain's folder says about it: `domain.toml`, and the tasks that its `pyproject.toml` registers."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipit.errors import InvalidInput, NotFound

FIRST_PORT, LAST_PORT = 50051, 50149
"""Ports of servers on one machine. Below lies the registry's."""
_METRICS = 9464 - FIRST_PORT
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_KEYS: dict[str, dict[str, type]] = {
    "": {"title": str, "port": int, "server": dict, "trainer": dict},
    "server": {"description": str, "memory_mib": int, "gallery": bool, "blurs_faces": bool},
    "trainer": {"description": str, "memory_mib": int, "landmarks": bool, "beside": str, "licences": str},
}
_OPTIONAL = {"gallery": False, "blurs_faces": False, "landmarks": False, "beside": "", "licences": "Apache-2.0"}
_KINDS: dict[type, str] = {str: "text", int: "a whole number", bool: "true or false", dict: "a table"}


@dataclass(frozen=True, slots=True)
class Domain:
    """package: name of its folder and its Python package. title: as people call it.

    port: of its server, on the machine that runs the stack.
    tasks: that it serves; trained: those that it trains, the one first that a trainer trains unless told otherwise.
    server, trainer: one line each for the label of an image. server_mib, trainer_mib: memory that a container may take.
    gallery: whether the server names people, for which it is given the gallery's key.
    blurs_faces: whether it keeps pictures in which faces have no business, for which it needs the networks that find
    faces.
    landmarks: whether trainers need the networks that find faces and bodies.
    beside: the task that trains in a second environment, "" for none: <beside>.lock.txt is installed there, then
    <beside>.late.lock.txt without what that requires.
    licences: of all that is in the trainer's image, an SPDX expression.
    """

    package: str
    title: str
    port: int
    tasks: tuple[str, ...]
    trained: tuple[str, ...]
    server: str
    server_mib: int
    trainer: str
    trainer_mib: int
    gallery: bool = False
    blurs_faces: bool = False
    landmarks: bool = False
    beside: str = ""
    licences: str = "Apache-2.0"

    @property
    def name(self) -> str:
        """In names of images, containers and Kubernetes' objects."""
        return self.package.replace("_", "-")

    @property
    def variable(self) -> str:
        """What variables of the compose files that are its own begin with."""
        return f"PIPIT_{self.package.upper()}"

    @property
    def metrics_port(self) -> int:
        """On the machine that runs the stack, where the layer `dev` opens it."""
        return self.port + _METRICS


def read_domains(root: Path) -> list[Domain]:
    """All that are below `root`/services, by name. Raises as `read_domain`, and InvalidInput if two share a port."""
    domains = [read_domain(path.parent) for path in sorted(root.glob("services/*/domain.toml"))]
    taken: dict[int, str] = {}
    for domain in domains:
        other = taken.setdefault(domain.port, domain.package)
        if other != domain.package:
            free = free_port(domains)
            raise InvalidInput(
                f"services/{domain.package}/domain.toml: port {domain.port} is that of {other}; {free} is free"
            )
    return domains


def free_port(domains: list[Domain]) -> int:
    """The lowest that none of them has. Raises InvalidInput if there is none."""
    taken = {domain.port for domain in domains}
    for port in range(FIRST_PORT, LAST_PORT + 1):
        if port not in taken:
            return port
    raise InvalidInput(f"every port from {FIRST_PORT} to {LAST_PORT} has a domain; remove one")


def read_domain(folder: Path) -> Domain:
    """From services/<domain>. Raises NotFound and InvalidInput; each message names the file and the key."""
    path, project = folder / "domain.toml", folder / "pyproject.toml"
    facts = _checked(_toml(path), path, "")
    server, trainer = (_checked(facts[name], path, name) for name in ("server", "trainer"))
    if not _NAME.fullmatch(folder.name):
        raise InvalidInput(f"{folder}: the name of a domain is of small letters, digits and single underscores")
    if not FIRST_PORT <= facts["port"] <= LAST_PORT:
        raise InvalidInput(f"{path}: port {facts['port']} is not between {FIRST_PORT} and {LAST_PORT}")
    points = _toml(project).get("project", {}).get("entry-points", {})
    tasks, trained = (_tasks(points, group, project) for group in ("pipit.pipelines", "pipit.trainers"))
    _check_beside(folder, trainer["beside"], trained)
    return Domain(
        package=folder.name,
        title=facts["title"],
        port=facts["port"],
        tasks=tuple(sorted(tasks)),
        trained=tuple(trained),
        server=server["description"],
        server_mib=server["memory_mib"],
        trainer=trainer["description"],
        trainer_mib=trainer["memory_mib"],
        gallery=server["gallery"],
        blurs_faces=server["blurs_faces"],
        landmarks=trainer["landmarks"],
        beside=trainer["beside"],
        licences=trainer["licences"],
    )


def _check_beside(folder: Path, beside: str, trained: Sequence[str]) -> None:
    if beside and f"{folder.name}.{beside}" not in trained:
        raise InvalidInput(f"{folder / 'domain.toml'}: trainer.beside is {beside!r}, which is no task of this domain")
    for name in (f"{beside}.in", f"{beside}.lock.txt", f"{beside}.late.lock.txt"):
        if beside and not (folder / name).is_file():
            raise NotFound(f"{folder / 'domain.toml'}: trainer.beside is {beside!r}, and there is no {folder / name}")


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise NotFound(f"there is no {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path}: {error}") from error


def _checked(table: Mapping[str, Any], path: Path, name: str) -> dict[str, Any]:
    """The table with what was left out. name: of the table, "" for the file."""
    keys, prefix = _KEYS[name], f"{name}." if name else ""
    for key in table.keys() - keys.keys():
        raise InvalidInput(f"{path}: {prefix}{key} is no key; there are {', '.join(prefix + each for each in keys)}")
    for key, kind in keys.items():
        if key not in table:
            if key not in _OPTIONAL:
                raise InvalidInput(f"{path}: {prefix}{key} is missing")
        # True is an int to Python.
        elif type(table[key]) is not kind:
            raise InvalidInput(f"{path}: {prefix}{key} is {_KINDS[kind]}, not {table[key]!r}")
        elif (kind is str and not _is_a_line(table[key])) or (kind is int and table[key] < 1):
            raise InvalidInput(f"{path}: {prefix}{key} can't be {table[key]!r}; text is one line without quotes")
    return {key: table.get(key, _OPTIONAL.get(key)) for key in keys}


def _is_a_line(text: str) -> bool:
    """Whether it can stand between quotes in whatever is written."""
    return bool(text.strip()) and text.isprintable() and not set(text) & set("\"\\$'%{}")


def _tasks(points: Mapping[str, Any], group: str, project: Path) -> list[str]:
    tasks = list(points.get(group, {}))
    domain = project.parent.name
    if not tasks:
        raise InvalidInput(f"{project}: a domain has a task, which stands in [project.entry-points.{group!r}]")
    for task in tasks:
        package, _, name = task.partition(".")
        if package != domain or not _NAME.fullmatch(name):
            raise InvalidInput(f"{project}: {task!r} in {group} is not named {domain}.<task>")
    return tasks
