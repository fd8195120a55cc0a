"""What a domain needs installed to serve and to train, and which other domain's locks hold for it too."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LOCKS = ("serve", "train")
_OWN = re.compile(r"pipit-shared\[([a-z,]+)\]")

TENSORFLOW = (
    "tensorflow-cpu==2.21.0; sys_platform == 'linux' and platform_machine == 'x86_64'",
    "tensorflow==2.21.0; sys_platform != 'linux' or platform_machine != 'x86_64'",
    "keras==3.15.1",
    "tensorboard>=2.20",
)
_SERVES: Mapping[str, str] = {"audio": "audio", "image": "image", "face": "image,landmarks", "series": ""}
_TRAINS: Mapping[str, Sequence[str]] = {"audio": ("librosa>=0.11",), "image": (), "face": (), "series": ()}
_RUNTIMES: Mapping[str, str] = {"keras": "litert", "torch": "onnx"}


@dataclass(frozen=True, slots=True)
class Requirements:
    """As `[project.optional-dependencies]` has them."""

    serve: tuple[str, ...]
    train: tuple[str, ...]


def requirements_of(kind: str, framework: str) -> Requirements:
    """Of a new domain with one task. kind: of its input."""
    extras = ",".join(part for part in (_SERVES[kind], _RUNTIMES[framework]) if part)
    torch = ",torch" if framework == "torch" else ""
    train = (f"pipit-shared[{extras},cli,data,training{torch}]", *(TENSORFLOW if framework == "keras" else ()))
    return Requirements((f"pipit-shared[{extras}]",), (*train, *_TRAINS[kind]))


def domain_with_all(root: Path, wanted: Requirements) -> Path | None:
    """A folder of services/ whose locks hold for `wanted`: it serves and trains with that or more.

    Of several the one whose servers hold least besides.
    """
    found: list[tuple[int, int, Path]] = []
    for path in sorted(root.glob("services/*/pyproject.toml")):
        extras = tomllib.loads(path.read_text("utf-8")).get("project", {}).get("optional-dependencies", {})
        serves, trains = (_parts(extras.get(name, ())) for name in LOCKS)
        there = all((path.parent / f"{name}.lock.txt").is_file() for name in LOCKS)
        more = serves - _parts(wanted.serve), trains - _parts(wanted.train)
        if there and serves >= _parts(wanted.serve) and trains >= _parts(wanted.train):
            found.append((len(more[0]), len(more[1]), path.parent))
    return min(found)[2] if found else None


def _parts(requirements: Sequence[str]) -> frozenset[str]:
    """Each requirement, and each extra of Pipit's own by itself."""
    parts: set[str] = set()
    for requirement in requirements:
        own = _OWN.fullmatch(requirement)
        parts |= {f"extra {name}" for name in own[1].split(",")} if own else {requirement}
    return frozenset(parts)
