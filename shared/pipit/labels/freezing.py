"""A data set, frozen of what people agree on.

    examples + resolutions ─> who has a label ─> groups ─> the honest slice is held out ─> LabelSet with its digest

Groups stay on one side of every split. What was chosen at random, whatever the model said, is the honest slice: nothing
is trained or chosen by it, and neither is what is nearly the same.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from pipit.examples.types import Example, Reason
from pipit.labels.digests import set_digest
from pipit.labels.resolution import Resolution, State
from pipit.labels.types import Kind, LabelSet, SetItem

NEAR = timedelta(seconds=10)
"""What a device kept so shortly before or after an example of the honest slice may show the same event: two windows of
sound overlap, and pictures of one second are alike."""
_WHY = {State.NONE: "unlabelled", State.SKIP: "skipped", State.DISAGREEMENT: "disagreement"}
NO_LABEL, DELETED, BESIDE = "no_label", "deleted", "beside_held_out"


@dataclass(frozen=True, slots=True)
class Frozen:
    """A set with what is not in it.

    left_out: how many, by why: unlabelled, skipped, disagreement, no_label (none of the labels fits), deleted,
    beside_held_out (nearly the same as one of the honest slice, or taken beside it).
    """

    set: LabelSet
    left_out: Mapping[str, int]

    @property
    def labels(self) -> Mapping[str, int]:
        """How many items of each label; of boxes and spans how many of these."""
        return dict(sorted(Counter(label for item in self.set.items for label in labels_of(item)).items()))

    @property
    def held_out(self) -> int:
        """Items of the honest slice."""
        return sum(item.held_out for item in self.set.items)


def freeze(
    name: str,
    task: str,
    labels: Iterable[str],
    examples: Iterable[Example],
    resolutions: Mapping[str, Resolution],
    deleted: Iterable[str] = (),
    similar: Mapping[str, str] | None = None,
) -> Frozen:
    """The same set, to its digest, whatever the order of what it is made of.

    labels: of the task; those that people used follow. resolutions: by example; one that is missing has no label.
    deleted: ids of examples. similar: of near-duplicates, one that stands for them, by example.
    """
    left_out: Counter[str] = Counter()
    gone = sum(identity in resolutions for identity in set(deleted))
    if gone:
        left_out[DELETED] = gone
    chosen: list[tuple[Example, SetItem]] = []
    for example in sorted(examples, key=lambda one: one.id):
        resolution = resolutions.get(example.id, Resolution())
        why = _why(resolution)
        if why:
            left_out[why] += 1
        else:
            chosen.append((example, _item(example, resolution)))
    groups = group_examples((example for example, _ in chosen), similar or {})
    beside = _beside_held_out([example for example, _ in chosen], groups)
    if beside:
        left_out[BESIDE] = len(beside)
    items = tuple(replace(item, group=groups[one.id]) for one, item in chosen if one.id not in beside)
    known = tuple(dict.fromkeys(labels))
    used = {label for item in items for label in labels_of(item)}
    frozen = LabelSet(name, task, "", (*known, *sorted(used - {*known})), items)
    return Frozen(replace(frozen, digest=set_digest(frozen)), dict(sorted(left_out.items())))


def group_examples(examples: Iterable[Example], similar: Mapping[str, str]) -> dict[str, str]:
    """What each has to stay together with: its own group, else its near-duplicates, else its device's day.

    A random one stands alone, unless it has a duplicate: every day and every stream of a device has some, so that
    nothing of it could ever be trained on. Groups that share an example become one.
    """
    found: dict[str, str] = {}
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while parent.setdefault(key, key) != key:
            key = parent[key]
        return key

    for example in examples:
        chosen = example.reason is not Reason.RANDOM
        keys = [f"group {example.group}"] if example.group and chosen else []
        keys += [f"like {similar[example.id]}"] if example.id in similar else []
        keys.append(f"content {example.sha256}")
        if len(keys) == 1 and example.device_id and chosen:
            keys.insert(0, f"device {example.device_id} {example.id[:8]}")
        for key in keys[1:]:
            first, other = sorted((root(keys[0]), root(key)), key=_rank)
            parent[other] = first
        found[example.id] = keys[0]
    return {identity: root(key).removeprefix("group ") for identity, key in found.items()}


def labels_of(item: SetItem) -> list[str]:
    """Of the whole, of each box and of each span."""
    whole = [item.label] if item.label else []
    return [*whole, *(one.label for one in item.boxes), *(one.label for one in item.spans)]


def _rank(key: str) -> tuple[int, str]:
    """A name that people gave stays the name of what is joined."""
    return (0 if key.startswith("group ") else 1, key)


def _why(resolution: Resolution) -> str:
    """An example is left out; "" if it is not."""
    if resolution.state in _WHY:
        return _WHY[resolution.state]
    # Boxes and spans are all that is there, and none is an answer; no label of the whole is none to train on.
    nothing = not (resolution.label or resolution.boxes or resolution.spans)
    said = {said.kind for said in resolution.said}
    return NO_LABEL if nothing and not said & {Kind.BOXES, Kind.SPANS} else ""


def _item(example: Example, resolution: Resolution) -> SetItem:
    return SetItem(
        example.id,
        example.sha256,
        example.media_type,
        resolution.label,
        resolution.boxes,
        resolution.spans,
        held_out=example.reason is Reason.RANDOM,
    )


def _beside_held_out(examples: Iterable[Example], groups: Mapping[str, str]) -> set[str]:
    """Those that may not train, since one of the honest slice is of their group, or was taken within `NEAR`."""
    others = list(examples)
    random = [example for example in others if example.reason is Reason.RANDOM]
    held_out = {groups[example.id] for example in random}
    times: dict[str, list[float]] = {}
    for example in random:
        if example.device_id and example.taken_at is not None:
            times.setdefault(example.device_id, []).append(example.taken_at.timestamp())
    for taken in times.values():
        taken.sort()
    return {
        example.id
        for example in others
        if example.reason is not Reason.RANDOM and (groups[example.id] in held_out or _near(example, times))
    }


def _near(example: Example, times: Mapping[str, list[float]]) -> bool:
    """times: sorted, by device."""
    if example.taken_at is None or not example.device_id:
        return False
    moment, near = example.taken_at.timestamp(), NEAR.total_seconds()
    taken = times.get(example.device_id, [])
    position = bisect_left(taken, moment - near)
    return position < len(taken) and taken[position] <= moment + near
