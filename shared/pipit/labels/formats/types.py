"""What a labelled file is, between a format and the registry, and what a format can do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pipit.labels.types import Kind, LabelledBox, LabelledSpan, LabelSet

ReadContent = Callable[[str], bytes]
"""The content of an example, by its id. Raises NotFound for one that was deleted."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A file with what was said of it.

    name: of the file, below the folder that it was read from. kind: LABEL, BOXES or SPANS; None where nothing was said.
    group: what must stay on one side of a split, "" if the format does not tell.
    """

    name: str
    path: Path
    kind: Kind | None = None
    label: str = ""
    boxes: tuple[LabelledBox, ...] = ()
    spans: tuple[LabelledSpan, ...] = ()
    group: str = ""


@dataclass(slots=True)
class Found:
    """What was read. problems: a line for each entry that can't be used; the others are in `items`."""

    items: list[Labelled] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class Format(Protocol):
    """One of the notations of `pipit.labels.formats`."""

    def write(self, frozen: LabelSet, read_content: ReadContent, folder: Path) -> list[str]:
        """Writes the set with its contents into `folder`, an empty one. Gives a line for each item that is left out."""
        ...

    def read(self, folder: Path, table: Path | None) -> Found:
        """Reads what lies in `folder`. table: the file in it that was named, where one was.

        Raises NotFound where the format's own file is missing, InvalidInput for one that is no such file at all.
        """
        ...
