"""Models that are loaded and do not answer: the one to go back to at once, and a candidate that runs in the shadow."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from pipit.serving.model import LoadedModel


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """shadow: it was opened to run beside what answers. on_freed: its files are needed no more."""

    model: LoadedModel
    on_freed: Callable[[], None]
    shadow: bool = False

    @property
    def digest(self) -> str:
        """Of its bundle."""
        return self.model.identity.digest


class ModelsBeside:
    """By digest. Its host's thread changes it; any may look."""

    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}

    def __contains__(self, digest: str) -> bool:
        return digest in self._kept

    def __bool__(self) -> bool:
        return bool(self._kept)

    def put(self, kept: Kept) -> None:
        """Keeps it, until it is taken."""
        self._kept[kept.digest] = kept

    def take(self, digest: str) -> Kept | None:
        """None: it is not here."""
        return self._kept.pop(digest, None)

    def besides(self, wanted: Collection[str]) -> list[Kept]:
        """Those that nobody wants."""
        return [kept for digest, kept in list(self._kept.items()) if digest not in wanted]
