"""A frozen set holds what people agree on, keeps groups whole, and never trains on the honest slice."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit.examples import Example, Reason
from pipit.examples.ids import example_id
from pipit.labels import Event, Kind
from pipit.labels.digests import set_digest
from pipit.labels.freezing import Frozen, freeze
from pipit.labels.resolution import Resolution, resolve

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
TASK = "test.task"


def example(
    content: str, device: str = "hall", group: str = "", minutes: float = 0.0, reason: Reason = Reason.UNCERTAIN
) -> Example:
    data, taken_at = content.encode(), NOON + timedelta(minutes=minutes)
    return Example(
        example_id(taken_at, data),
        TASK,
        "audio/wav",
        len(data),
        hashlib.sha256(data).hexdigest(),
        reason,
        device,
        taken_at,
        group=group,
    )


def said(kind: Kind, label: str = "", by: str = "anna") -> Event:
    return Event(f"{by} {kind} {label}", kind, NOON, label=label, by=by)


def labelled(label: str) -> Resolution:
    return resolve([said(Kind.LABEL, label)])


def frozen(examples: list[Example], resolutions: Mapping[str, Resolution] | None = None, **more: object) -> Frozen:
    known = {one.id: labelled("dog") for one in examples} if resolutions is None else resolutions
    return freeze("kitchen", TASK, ["cat"], examples, known, **more)  # type: ignore[arg-type]


def groups(made: Frozen) -> dict[str, str]:
    return {item.example: item.group for item in made.set.items}


def test_only_what_has_a_label_is_in_it_and_the_rest_is_counted_by_why() -> None:
    names = ["agreed", "ruled", "torn", "skipped", "silent", "none of them", "nothing there", "gone"]
    examples = [example(name) for name in names]
    agreed, ruled, torn, skipped, _, none, nothing, gone = (one.id for one in examples)
    both = [said(Kind.LABEL, "dog"), said(Kind.LABEL, "fox", "ben")]
    resolutions = {
        agreed: labelled("dog"),
        ruled: resolve([*both, said(Kind.RULE, "fox", "chef")]),
        torn: resolve(both),
        skipped: resolve([said(Kind.SKIP)]),
        none: labelled(""),
        nothing: resolve([said(Kind.BOXES)]),
        gone: labelled("dog"),
    }
    made = frozen(examples[:-1], resolutions, deleted=[gone, "never labelled"])
    assert {item.example: item.label for item in made.set.items} == {agreed: "dog", ruled: "fox", nothing: ""}
    assert made.left_out == {"deleted": 1, "disagreement": 1, "no_label": 1, "skipped": 1, "unlabelled": 1}
    assert made.labels == {"dog": 1, "fox": 1}
    assert made.set.labels == ("cat", "dog", "fox")
    assert made.set.digest == set_digest(made.set)


def test_the_honest_slice_is_held_out_and_so_is_what_was_taken_beside_it() -> None:
    # Of one stream, which goes on for days.
    random = example("random", group="stream", reason=Reason.RANDOM)
    near, far = example("near", group="stream", minutes=0.15), example("far", group="stream", minutes=0.18)
    elsewhere, copy = example("elsewhere", device="garden"), example("random", device="garden", minutes=3000.0)
    made = frozen([random, near, far, elsewhere, copy])
    assert {item.example: item.held_out for item in made.set.items} == {
        random.id: True,
        far.id: False,
        elsewhere.id: False,
    }
    assert made.left_out == {"beside_held_out": 2}
    assert made.held_out == 1


def test_what_belongs_together_has_one_group() -> None:
    evening = [example("a", group="evening"), example("b", device="garden", group="evening")]
    day = [example("c"), example("d", minutes=600.0)]
    next_day = example("e", minutes=60.0 * 24)
    alike = [example("f", device="x"), example("g", device="y")]
    # The same recording, imported on two days, and once into a group.
    again = [example("h", device=""), example("h", device="", group="film", minutes=60.0 * 24)]
    made = groups(
        frozen([*evening, *day, next_day, *alike, *again], similar=dict.fromkeys([one.id for one in alike], "z"))
    )
    assert [made[one.id] for one in evening] == ["evening", "evening"]
    assert made[day[0].id] == made[day[1].id] != made[next_day.id]
    assert made[alike[0].id] == made[alike[1].id]
    assert [made[one.id] for one in again] == ["film", "film"]
    assert len(set(made.values())) == 5


EXAMPLES = st.lists(
    st.builds(
        example,
        content=st.sampled_from("abcdef"),
        device=st.sampled_from(["", "hall", "garden"]),
        group=st.sampled_from(["", "evening", "night"]),
        minutes=st.floats(0.0, 5000.0),
        reason=st.sampled_from([Reason.RANDOM, Reason.UNCERTAIN, Reason.IMPORTED]),
    ),
    max_size=12,
    unique_by=lambda one: one.id,
)


@given(examples=EXAMPLES, order=st.randoms())
def test_no_group_is_split_by_the_honest_slice_and_the_order_does_not_matter(
    examples: list[Example], order: object
) -> None:
    made = frozen(examples)
    sides: dict[str, set[bool]] = {}
    for item in made.set.items:
        sides.setdefault(item.group, set()).add(item.held_out)
    assert all(len(side) == 1 for side in sides.values())
    contents: dict[str, set[str]] = {}
    for item in made.set.items:
        contents.setdefault(item.sha256, set()).add(item.group)
    assert all(len(names) == 1 for names in contents.values())
    random = {one.id for one in examples if one.reason is Reason.RANDOM}
    assert {item.example for item in made.set.items if item.held_out} == random
    shuffled = list(examples)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert frozen(shuffled).set == made.set


@pytest.mark.parametrize("change", ["label", "item", "group"])
def test_another_set_has_another_digest(change: str) -> None:
    examples = [example("a"), example("b", group="evening")]
    before = frozen(examples).set.digest
    if change == "label":
        after = frozen(examples, {one.id: labelled("fox") for one in examples})
    else:
        after = frozen(examples[:1] if change == "item" else [examples[0], example("b", group="night")])
    assert after.set.digest != before
