"""The data sets of a recipe, as one: what they hold, which of them are missing, and what is wrong with them.

recipe.data ──> folder ──> the task's reader ──> Listing ─┐
recipe.data ──> folder ──> the task's reader ──> Listing ─┼──> SourceSet: items, files, problems
recipe.additional_data ──> located ──> the same ─────────┘
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from pipit.errors import InvalidInput, NotFound
from pipit.training.progress import Progress
from pipit.training.recipe import DataSource, Recipe
from pipit.training.run import Run


class Item(Protocol):
    """One thing of a data set that can be learnt: a clip, a picture, a recording."""

    @property
    def name(self) -> str:
        """The same on every machine, and no other item's."""
        ...


ItemT = TypeVar("ItemT", bound=Item)


@dataclass(frozen=True)
class Listing(Generic[ItemT]):
    """What one data set holds.

    files: all that was read or has to be, tables too, by a name that is the same on every machine. problems: a line for
    each entry that can't be used.
    """

    items: tuple[ItemT, ...] = ()
    files: Mapping[str, Path] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


class SourceSet(Generic[ItemT]):
    """Reads the data sets when it is first asked for them."""

    def __init__(
        self, recipe: Recipe, data: Path | None, read: Callable[[Path, Any], Listing[ItemT]], what: str
    ) -> None:
        """data: the folder of data sets, None if the machine has none. what: the items for people, as "clips".

        read: lists a data set, given its folder and its source in the recipe.
        """
        self.recipe = recipe
        self.data = data
        self.what = what
        self.located: Mapping[str, Path] = {}
        """Folders of `recipe.additional_data` by path; see `pipit.training.label_data`."""
        self._read = read
        self._listings: tuple[Listing[ItemT], ...] | None = None

    @property
    def sources(self) -> tuple[DataSource, ...]:
        """Of the recipe, the additional ones last."""
        return (*self.recipe.data, *self.recipe.additional_data)

    def listings(self) -> tuple[Listing[ItemT], ...]:
        """One for each source, empty for an optional one that is missing.

        Raises NotFound for one that is missing, InvalidInput for one that can't be read or a name that two items bear.
        """
        if self._listings is None:
            listings = tuple(self._listing(source) for source in self.sources)
            counts = Counter(item.name for listing in listings for item in listing.items)
            # Two sources may name one folder, as for two halves of it, and then share its files.
            twice = sorted(name for name, count in counts.items() if count > 1)
            if twice:
                raise InvalidInput(
                    f"{len(twice)} {self.what} bear a name twice, for example {twice[0]}; rename a folder"
                )
            self._listings = listings
        return self._listings

    def _listing(self, source: DataSource) -> Listing[ItemT]:
        try:
            folder = self.located.get(source.path) or source.folder(self.data)
        except NotFound:
            if not source.optional:
                raise
            return Listing()
        return self._read(folder, source)

    def items(self) -> tuple[ItemT, ...]:
        """Of all sources, in their order."""
        return tuple(item for listing in self.listings() for item in listing.items)

    def by_name(self) -> dict[str, ItemT]:
        """The same."""
        return {item.name: item for item in self.items()}

    def files(self) -> dict[str, Path]:
        """Of all sources. Raises InvalidInput for two files of one name."""
        files: dict[str, Path] = {}
        for listing in self.listings():
            for name, path in listing.files.items():
                if files.setdefault(name, path) != path:
                    raise InvalidInput(f"two data sets hold a file of the name {name}; rename a folder")
        return files

    def problems(self) -> list[str]:
        """Of all sources."""
        return [problem for listing in self.listings() for problem in listing.problems]

    def absent(self) -> list[str]:
        """Paths of the recipe's sources that hold nothing."""
        pairs = zip(self.sources, self.listings(), strict=True)
        return [source.path for source, listing in pairs if not listing.items]

    def tell(self, progress: Progress) -> None:
        """Says how much each source holds."""
        for source, listing in zip(self.sources, self.listings(), strict=True):
            progress.say(f"{source.path}: {len(listing.items) or 'no'} {self.what}")


def settle_problems(run: Run, problems: Sequence[str]) -> None:
    """Names everything that can't be used. Raises InvalidInput unless the recipe trains without it."""
    if not problems:
        return
    lines = "\n  ".join(problems)
    if not run.recipe.skip_bad_files:
        raise InvalidInput(
            f"{len(problems)} entries of the data can't be used; repair them, or set skip_bad_files:\n  {lines}"
        )
    run.progress.say(f"left out, because they can't be used:\n  {lines}")
