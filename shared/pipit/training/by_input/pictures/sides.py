"""Which pictures train, validate and test. No two that are nearly the same stand on different sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipit.data.duplicates import groups_of
from pipit.errors import InvalidInput
from pipit.training.by_input.pictures.listing import Picture
from pipit.training.recipe import Split
from pipit.training.sides import SIDES
from pipit.training.splits import cut_by_group


@dataclass(frozen=True, slots=True)
class PictureSides:
    """sides: of each picture, "" if it was taken out. groups: of each picture. torn: pairs on two sides.

    Of a torn pair the one that tests is taken out, or validates, so that nothing is measured on what was trained.
    """

    sides: tuple[str, ...]
    groups: tuple[str, ...]
    torn: tuple[tuple[int, int], ...]


def split_pictures(
    rule: Split, pictures: Sequence[Picture], pairs: Sequence[tuple[int, int]], seed: int
) -> PictureSides:
    """Keeps the sides that data sets give, draws the others. pairs: positions of pictures that are nearly the same.

    test_share: of data sets that are not split. validation_share: of all that would train, where none is given.
    Raises InvalidInput for a side without pictures.
    """
    groups = [pictures[i].name for i in groups_of(len(pictures), pairs)]
    sides = [picture.side for picture in pictures]
    split_sources = {picture.source for picture in pictures if picture.side}
    whole = [i for i, picture in enumerate(pictures) if picture.source not in split_sources]
    _draw("test", rule.test_share, whole, pictures, groups, sides, seed)
    still_open = [i for i, side in enumerate(sides) if not side]
    _draw("validation", rule.validation_share, still_open, pictures, groups, sides, seed)
    sides = [side or "train" for side in sides]
    torn = tuple((i, j) for i, j in pairs if sides[i] != sides[j])
    kept = [_kept(i, groups, sides) for i in range(len(pictures))] if torn else sides
    missing = [side for side in SIDES if side not in kept]
    if missing:
        raise InvalidInput(f"no pictures are left for {' and '.join(missing)}; add pictures, or look at the folders")
    return PictureSides(tuple(kept), tuple(groups), torn)


def same_group(groups: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs that tie the members of each group together; "" is none."""
    first: dict[str, int] = {}
    return [(first[group], i) for i, group in enumerate(groups) if group and first.setdefault(group, i) != i]


def describe_sides(rule: Split, seed: int) -> str:
    """The rule in words that let somebody repeat it."""
    return (
        f"folders val and test of a data set that is split test (val validates where there is a test); of others "
        f"{rule.test_share:.0%} test; {rule.validation_share:.0%} of what is left validate where nothing else does; "
        f"drawn with seed {seed}, stratified by class, near-duplicates together"
    )


def _draw(
    side: str,
    share: float,
    chosen: Sequence[int],
    pictures: Sequence[Picture],
    groups: Sequence[str],
    sides: list[str],
    seed: int,
) -> None:
    """Writes `side` to about `share` of the chosen positions in `sides`."""
    if not chosen:
        return
    _, cut = cut_by_group(share, [pictures[i].label for i in chosen], [groups[i] for i in chosen], seed)
    for position in cut.tolist():
        sides[chosen[position]] = side


def _kept(index: int, groups: Sequence[str], sides: Sequence[str]) -> str:
    """The picture's side, or "" if one of its group stands on a side that comes before."""
    first = min(SIDES.index(side) for group, side in zip(groups, sides, strict=True) if group == groups[index])
    return sides[index] if SIDES.index(sides[index]) == first else ""
