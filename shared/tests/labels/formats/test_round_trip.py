"""What is written is what is read, in every format, whatever labels are called."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipit.labels import Kind, LabelledBox, LabelledSpan, SetItem
from pipit.labels.formats import FORMATS, Labelled, format_named
from pipit.labels.formats.archive import opened, pack

from .conftest import labelled_set

LETTERS = st.characters(exclude_categories=["Cs", "Cc"])
NAMES = (
    st.one_of(
        st.text(LETTERS, min_size=1, max_size=12),
        st.sampled_from(["..", ".", "a/b", "a\\b", "CON", "test", "%41", "a:b", "Müller, ß", "true", "0", '"x"', "x."]),
    )
    .map(str.strip)
    .filter(bool)
)  # fmt: skip
SIZE = st.floats(0.5, 40.0)
BOXES = st.builds(LabelledBox, NAMES, st.floats(0.0, 60.0), st.floats(0.0, 40.0), SIZE, SIZE)
SPANS = st.builds(
    lambda label, start, length: LabelledSpan(label, start, start + length), NAMES, st.floats(0.0, 9e3), SIZE
)
GROUPS = st.sampled_from(["", "evening", "Küche 1", "a,b"])


def item(label: str = "", boxes: list[LabelledBox] | None = None, spans: list[LabelledSpan] | None = None,
         group: str = "", held_out: bool = False) -> SetItem:  # fmt: skip
    return SetItem("", "", "", label, tuple(boxes or ()), tuple(spans or ()), group, held_out)


WHOLE = st.builds(item, label=NAMES, group=GROUPS, held_out=st.booleans())
BOXED = st.builds(item, boxes=st.lists(BOXES, max_size=3), group=GROUPS, held_out=st.booleans())
SPANNED = st.builds(item, spans=st.lists(SPANS, min_size=1, max_size=3), group=GROUPS, held_out=st.booleans())
HELD = {
    "folder": WHOLE,
    "csv": WHOLE | BOXED | SPANNED,
    "jsonl": WHOLE | BOXED | SPANNED,
    "labelstudio": WHOLE | BOXED | SPANNED,
    "coco": BOXED,
    "yolo": BOXED,
    "edl": SPANNED,
}
"""What each format can hold."""


def about(found: Labelled) -> tuple[object, ...]:
    return found.label, [box.label for box in found.boxes], [span.label for span in found.spans]


def edges(box: LabelledBox) -> tuple[float, float, float, float]:
    return box.left, box.top, box.width, box.height


@pytest.mark.parametrize("name", sorted(FORMATS))
@settings(max_examples=15)
@given(data=st.data())
def test_a_set_comes_back_as_it_was(name: str, data: st.DataObject) -> None:
    items = data.draw(st.lists(HELD[name], min_size=1, max_size=4))
    frozen, read_content = labelled_set(items)
    notation = format_named(name)
    with tempfile.TemporaryDirectory() as temporary:
        folder, archive = Path(temporary) / "out", Path(temporary) / "out.zip"
        folder.mkdir()
        assert notation.write(frozen, read_content, folder) == []
        pack(folder, archive)
        with opened(archive) as (unpacked, table):
            found = notation.read(unpacked, table)
            contents = {one.path.stem: one.path.read_bytes() for one in found.items}
        assert found.problems == []
    by_example = {Path(one.name).stem: one for one in found.items}
    assert contents == {one.example: read_content(one.example) for one in frozen.items}
    for wanted in frozen.items:
        back = by_example[wanted.example]
        assert about(back) == about(Labelled("", Path(), label=wanted.label, boxes=wanted.boxes, spans=wanted.spans))
        # Not rounded before they are compared: shares of a picture bring a number to the other side of what rounds up.
        for box, again in zip(wanted.boxes, back.boxes, strict=True):
            assert edges(again) == pytest.approx(edges(box), abs=1e-4)
        # Half a frame, or what a float loses; a span that is shorter than a frame is written as one.
        near = 0.5 / 25 + 1e-9 if name == "edl" else 1e-9
        for one, other in zip(wanted.spans, back.spans, strict=True):
            assert one.start == pytest.approx(other.start, abs=near)
            assert one.end == pytest.approx(other.end, abs=near)
        if name != "edl":
            assert back.group == wanted.group
        assert back.kind is not None


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_what_was_deleted_or_changed_is_named_and_left_out(name: str, tmp_path: Path) -> None:
    example = {"folder": item("dog"), "edl": item(spans=[LabelledSpan("dog", 1.0, 2.0)])}.get(
        name, item(boxes=[LabelledBox("dog", 1, 2, 3, 4)])
    )
    frozen, read_content = labelled_set([example, example, example])
    kept, gone, changed = (one.example for one in frozen.items)

    def read(wanted: str) -> bytes:
        return read_content("none of them" if wanted == gone else kept if wanted == changed else wanted)

    problems = format_named(name).write(frozen, read, tmp_path)
    assert [problem.split()[0] for problem in problems] == [gone, changed]
    assert "deleted" in problems[0]
    assert "other content" in problems[1]
    assert [Path(one.name).stem for one in format_named(name).read(tmp_path, None).items] == [kept]


def test_formats_of_boxes_name_what_they_cannot_hold(tmp_path: Path) -> None:
    frozen, read_content = labelled_set([item("dog"), item(boxes=[LabelledBox("dog", 1, 2, 3, 4)])])
    for name in ("coco", "yolo"):
        (tmp_path / name).mkdir()
        assert format_named(name).write(frozen, read_content, tmp_path / name) == [
            f"{frozen.items[0].example} has no boxes"
        ]


def test_kinds_are_told() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        boxed, spanned = item(boxes=[LabelledBox("b", 0, 0, 1, 1)]), item(spans=[LabelledSpan("c", 0, 1)])
        frozen, read_content = labelled_set([item("a"), boxed, spanned])
        format_named("csv").write(frozen, read_content, folder)
        kinds = [one.kind for one in format_named("csv").read(folder, None).items]
    assert kinds == [Kind.LABEL, Kind.BOXES, Kind.SPANS]
