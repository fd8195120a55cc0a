from __future__ import annotations

import random
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pipit.errors import NotFound, Unavailable
from pipit.examples import Example, ExamplePage, Part, Reason, Score
from pipit.labels import Event, EventPage, Kind, LabelledBox
from pipit.labels.features import LENGTH
from pipit.labels.index import LabelIndex
from pipit.labels.queue import Mode
from pipit.labels.resolution import State, Suggestion
from pipit.labels.views import Moment, Progress

Make = Callable[..., Example]


def near(first: float, second: float = 0.0) -> Any:
    """A unit vector at an angle of `first` degrees from the first axis, and of another from a third one."""
    vector = np.zeros(LENGTH, np.float32)
    vector[:3] = np.cos(np.radians(first)), np.sin(np.radians(first)), np.radians(second)
    return vector / np.linalg.norm(vector)


def test_an_example_is_shown_with_what_was_said_of_it(pool: Any, make: Make) -> None:
    example = make(1, 0.6, group="evening", position=2.5, name="a.png")
    pool.bring(example)
    pool.say(example, "model", "cat", Kind.SUGGEST, score=0.7, version="1.1.0")
    pool.say(example, "ann", "dog")
    item = pool.index.item(example.id, "bob")
    assert item.example == example
    assert (item.resolution.state, item.resolution.label) == (State.LABEL, "dog")
    assert item.resolution.suggestion == Suggestion("cat", 0.7, "1.1.0")
    assert (item.honest, item.blind, item.similar) == (False, False, ())


def test_an_unknown_example_is_not_found(index: LabelIndex) -> None:
    with pytest.raises(NotFound, match="no example '20261129-x' of test"):
        index.item("20261129-x", "ann")


def test_the_place_in_the_registry_is_kept_with_what_came_from_there(pool: Any, make: Make, tmp_path: Path) -> None:
    assert (pool.index.cursor("examples"), pool.index.cursor("events")) == ("", "")
    pool.bring(make(1), make(2))
    event = pool.say(make(1), "ann", "dog")
    again = LabelIndex(tmp_path / "index" / "pets.sqlite", "test.pets")
    assert (again.cursor("examples"), again.cursor("events")) == ("2", "1")
    with pytest.raises(TypeError, match="Timestamp"):
        again.feed_events(EventPage((replace(event, id="b", at="no year"),), "9", more=False))  # type: ignore[arg-type]
    assert again.cursor("events") == "1"
    assert again.progress().labelled == 1
    again.close()


@pytest.mark.parametrize("broken", ["another task", "noise", "cut", "schema"])
def test_what_is_broken_or_of_another_kind_is_made_anew(
    pool: Any, make: Make, tmp_path: Path, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool.bring(*map(make, range(50)))
    pool.index.close()
    path = tmp_path / "index" / "pets.sqlite"
    if broken == "noise":
        path.write_bytes(random.Random(1).randbytes(9000))
    elif broken == "cut":
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        path.write_bytes(path.read_bytes()[:20000])
    elif broken == "schema":
        monkeypatch.setattr("pipit.labels.index.NUMBER", 10**6)
    again = LabelIndex(path, "test.fish" if broken == "another task" else "test.pets")
    assert (again.cursor("examples"), again.progress().examples) == ("", 0)
    again.close()


def test_a_place_where_nothing_can_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="can't be opened"):
        LabelIndex(tmp_path / "file" / "pets.sqlite", "test.pets")


def test_events_may_come_before_their_example_and_undoings_before_what_they_undo(pool: Any, make: Make) -> None:
    example = make(1)
    first = pool.event(example, "ann", label="dog")
    undo = pool.event("", "ann", Kind.UNDO, undoes=first.id)
    redo = pool.event("", "ann", Kind.UNDO, undoes=undo.id)
    pool.feed(redo)
    pool.feed(undo)
    assert pool.index.spoken_of((first, undo, redo)) == frozenset()
    pool.feed(first)
    assert [pool.index.spoken_of((event,)) for event in (first, undo, redo)] == [{example.id}] * 3
    pool.bring(example)
    assert pool.index.item(example.id, "ann").resolution.label == "dog"
    pool.say("", "ann", kind=Kind.UNDO, undoes=redo.id)
    assert pool.index.item(example.id, "ann").resolution.state is State.NONE


def test_any_order_and_any_repetition_gives_the_same_index(make: Make, tmp_path: Path, pool: Any) -> None:
    generator = random.Random(7)
    examples = [make(number, 0.5 + number / 40, reason=generator.choice(list(Reason)[1:])) for number in range(12)]
    events: list[Event] = []
    for _ in range(60):
        by, kind = (
            generator.choice("abc"),
            generator.choice([*[Kind.LABEL] * 5, Kind.SKIP, Kind.UNDO, Kind.SUGGEST, Kind.RULE]),
        )
        undoes = generator.choice(events).id if events and kind is Kind.UNDO else ""
        example = "" if kind is Kind.UNDO else generator.choice(examples)
        events.append(pool.event(example, by, kind, generator.choice(["dog", "cat"]), undoes=undoes, score=0.4))
    seen = []
    for attempt in range(4):
        index = LabelIndex(tmp_path / f"{attempt}.sqlite", "test.pets")
        pages = [ExamplePage((one,), (), "", more=False) for one in examples]
        pages += [EventPage((event,), "", more=False) for event in (events * (1 + attempt % 2))]  # type: ignore[misc]
        if attempt:
            generator.shuffle(pages)
        for page in pages:
            index.feed_examples(page) if isinstance(page, ExamplePage) else index.feed_events(page)
        seen.append((index.summary(), [index.item(one.id, "a") for one in examples]))
        index.close()
    assert seen[1:] == seen[:1] * 3
    assert seen[0][0].progress.examples == 12
    assert {item.resolution.state for item in seen[0][1]} >= {State.LABEL, State.DISAGREEMENT, State.RULED}


def test_progress_and_labels_are_counted(pool: Any, make: Make) -> None:
    examples = [make(number) for number in range(7)]
    pool.bring(*examples)
    pool.say(examples[0], "ann", "dog")
    pool.say(examples[1], "ann", "cat")
    pool.say(examples[1], "bob", "dog")
    pool.say(examples[2], "ann", kind=Kind.SKIP)
    pool.say(
        examples[3], "ann", kind=Kind.BOXES, boxes=(LabelledBox("paw", 0, 0, 5, 5), LabelledBox("paw", 9, 9, 5, 5))
    )
    pool.say(examples[4], "model", "cat", Kind.SUGGEST, score=0.6, version="2.0.0")
    added = pool.say("", "ann", "fox", Kind.ADD_LABEL)
    pool.index.feed_features({examples[5].id: near(0), examples[6].id: near(1)})
    summary = pool.index.summary(["dog", "cat"])
    assert summary.progress == Progress(examples=7, labelled=2, skipped=1, waiting=2, disagreements=1, duplicates=1)
    assert [(one.label, one.count, one.suggested) for one in summary.labels] == [
        ("dog", 1, 0),
        ("cat", 0, 1),
        ("fox", 0, 0),
        ("paw", 1, 0),
    ]
    pool.say("", "ann", kind=Kind.UNDO, undoes=added.id)
    assert pool.index.labels(["dog", "cat"]) == ("dog", "cat", "paw")


def test_what_is_deleted_is_gone_and_a_near_duplicate_takes_its_place(pool: Any, make: Make) -> None:
    examples = [make(number) for number in range(3)]
    pool.bring(*examples)
    for number, example in enumerate(examples):
        pool.index.feed_features({example.id: near(number)})
    pool.say(examples[0], "ann", "dog")
    first, second, third = (example.id for example in examples)
    assert pool.index.item(second, "ann").similar == (third, first)
    assert pool.index.similar() == dict.fromkeys((first, second, third), first)
    pool.bring(deleted=(first, "20261129-unknown"))
    with pytest.raises(NotFound):
        pool.index.item(first, "ann")
    assert pool.index.item(second, "ann").similar == (third,)
    assert pool.index.similar() == dict.fromkeys((second, third), second)
    assert pool.index.progress() == Progress(2, 0, 0, 1, 0, 1)
    assert pool.index.summary().people == ()
    pool.bring(make(3))
    pool.index.feed_features({make(3).id: near(1)})
    assert pool.index.item(make(3).id, "ann").similar == (third, second)


def test_the_slice_drawn_by_chance_shows_nothing_to_whom_it_is_new(pool: Any, make: Make) -> None:
    honest = make(1, reason=Reason.RANDOM, group="evening", was_corrected=True, corrected="cat")
    pool.bring(honest)
    pool.say(honest, "model", "cat", Kind.SUGGEST, score=0.7, version="1.1.0")
    pool.say(honest, "ann", "dog")
    item = pool.index.item(honest.id, "bob")
    assert item.blind
    assert (item.example.parts, item.example.version, item.example.corrected) == ((), "", "")
    assert (item.resolution.said, item.resolution.suggestion, item.resolution.label) == ((), None, "")
    assert pool.index.group("evening", "bob") == (Moment(honest.id, None, honest.taken_at, None, "", State.NONE, ""),)
    assert pool.index.queue("bob", Mode.ALL, label="dog").items == ()
    assert pool.index.queue("ann", Mode.ALL, label="dog").items[0].example == honest
    seen = pool.index.group("evening", "ann")[0]
    assert (seen.score, seen.suggested) == (0.9, "cat")
    pool.say(honest, "eva", "cat")
    ruling = pool.index.queue("bob", Mode.DISAGREEMENTS).items[0]
    assert [one.label for one in ruling.resolution.said] == ["dog", "cat"]
    assert (ruling.example.parts, ruling.resolution.suggestion) == ((), None)


def test_the_timeline_of_a_recording(pool: Any, make: Make) -> None:
    frames = [make(number, group="evening", position=float(9 - number)) for number in range(4)]
    pool.bring(*frames, make(9))
    pool.say(frames[0], "ann", "dog")
    (group,) = pool.index.groups()
    assert (group.group, group.items, group.labelled, group.start, group.end) == ("evening", 4, 1, 6.0, 9.0)
    assert group.first_taken_at == frames[0].taken_at
    moments = pool.index.group("evening", "ann")
    assert [moment.position for moment in moments] == [6.0, 7.0, 8.0, 9.0]
    assert (moments[-1].id, moments[-1].label, moments[-1].state) == (frames[0].id, "dog", State.LABEL)
    assert [moment.suggested for moment in moments] == [frame.parts[0].label for frame in reversed(frames)]
    assert pool.index.group("", "ann") == ()


def test_lists_beside_the_work(pool: Any, make: Make) -> None:
    examples = [make(number) for number in range(6)]
    pool.bring(*examples)
    for number, score in ((0, 0.9), (1, 0.2), (2, 0.5)):
        pool.say(examples[number], "model", "cat" if number else "dog", Kind.SUGGEST, score=score, version="2.0.0")
    pool.say(examples[3], "ann", "dog")
    pool.say(examples[4], "ann", "cat")
    pool.say(examples[4], "bob", "dog")

    def asked(*arguments: Any, **options: Any) -> tuple[list[int], int]:
        found = pool.index.queue(*arguments, **options)
        return [examples.index(item.example) for item in found.items], found.waiting

    assert asked("ann", Mode.SUGGESTED) == ([1, 2, 0], 3)
    assert asked("ann", Mode.SUGGESTED, label="cat") == ([1, 2], 2)
    assert asked("ann", Mode.SUGGESTED, count=1, skip=[examples[1].id]) == ([2], 3)
    assert asked("ann", Mode.DISAGREEMENTS) == ([4], 1)
    assert asked("ann", Mode.DISAGREEMENTS, label="fox") == ([], 0)
    assert asked("ann", Mode.MINE) == ([4, 3], 2)
    assert asked("ann", Mode.MINE, label="dog") == ([3], 1)
    assert asked("eva", Mode.MINE) == ([], 0)
    assert asked("ann", Mode.ALL) == ([5, 4, 3, 2, 1, 0], 6)
    assert asked("ann", Mode.ALL, label="dog") == ([3], 1)


def test_threads_share_it(pool: Any, make: Make) -> None:
    examples = [make(number) for number in range(200)]
    pool.bring(*examples)
    events = {by: [pool.event(example, by, label="dog") for example in examples] for by in ("ann", "bob", "eva")}
    failures: list[BaseException] = []

    def label(by: str) -> None:
        try:
            for event in events[by]:
                pool.feed(event)
                assert pool.index.item(event.example, by).resolution.label == "dog"
                pool.index.queue(by)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=label, args=(by,)) for by in events]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert pool.index.progress() == Progress(200, 200, 0, 0, 0, 0)
    assert Counter(one.labels for one in pool.index.summary().people) == {200: 3}


def test_changes_of_an_example_are_taken_over(pool: Any, make: Make) -> None:
    example = make(1, 0.9)
    pool.bring(example)
    pool.say(example, "ann", "cat")
    changed = replace(
        example, parts=(Part(scores=(Score("cat", 0.8),), label="cat"),), taken_at=example.taken_at + timedelta(hours=1)
    )
    pool.bring(changed)
    item = pool.index.item(example.id, "ann")
    assert (item.example, item.resolution.label) == (changed, "cat")
    assert pool.index.progress().examples == 1


def test_all_that_a_data_set_is_made_of(pool: Any, make: Make) -> None:
    pool.bring(make(1), make(2))
    pool.say(make(2), "ann", "cat")
    assert [(one.id, found.label) for one, found in pool.index.every()] == [(make(1).id, ""), (make(2).id, "cat")]


def test_no_question_reads_all_examples(pool: Any, make: Make) -> None:
    pool.bring(*[make(number) for number in range(5)])
    asked: list[str] = []
    with pool.index._database.read() as connection:
        connection.set_trace_callback(asked.append)
    for label in ("", "dog"):
        for mode in Mode:
            pool.index.queue("ann", mode, skip=[make(1).id], label=label)
    pool.index.summary()
    pool.index.group("evening", "ann")
    pool.index.item(make(2).id, "ann")
    connection.set_trace_callback(None)
    questions = {text for text in asked if text.startswith("SELECT")}
    assert len(questions) > 20
    for question in questions:
        plan = [row["detail"] for row in connection.execute(f"EXPLAIN QUERY PLAN {question}")]
        for step in plan:
            whole = step.startswith(("SCAN examples", "SCAN e", "SCAN s")) and " INDEX by_" not in step
            assert not whole or question.endswith("ORDER BY n DESC LIMIT 21"), (question, plan)
            if "FROM examples WHERE" in question and "family" not in question:
                assert "TEMP B-TREE" not in step, (question, plan)


def test_what_is_called_wrong_late_is_asked_about_first_and_waits_behind_nothing(
    pool: Any, index: LabelIndex, make: Make
) -> None:
    examples = [make(number, 0.51 + number / 100) for number in range(3)]
    pool.bring(*examples)
    vector = np.eye(LENGTH, dtype=np.float32)
    index.feed_features({one.id: vector[0] for one in examples})
    assert [item.example.id for item in index.queue("ann").items] == [examples[0].id]
    pool.bring(replace(examples[2], reason=Reason.WRONG, was_corrected=True, corrected="cat"))
    asked = index.queue("ann").items
    assert [(item.example.id, item.why) for item in asked] == [(examples[2].id, "wrong"), (examples[0].id, "margin")]
    assert asked[0].example.corrected == "cat"


def test_who_skips_one_of_the_honest_slice_is_told_nothing_of_it(pool: Any, index: LabelIndex, make: Make) -> None:
    example = make(1, reason=Reason.RANDOM, group="evening")
    pool.bring(example)
    pool.say(example, "bob", "cat")
    pool.say(example, "ann", kind=Kind.SKIP)
    item = index.item(example.id, "ann")
    assert (item.blind, item.example.parts, item.resolution.label) == (True, (), "")
    assert [one.by for one in item.resolution.said] == ["ann"]
    assert item.resolution.state is State.SKIP
    assert (index.group("evening", "ann")[0].suggested, index.group("evening", "ann")[0].label) == ("", "")
    assert index.queue("ann", Mode.ALL, label="cat").items == ()
    pool.say(example, "ann", "cat")
    assert index.item(example.id, "ann").example.parts == example.parts
    assert index.queue("ann", Mode.ALL, label="cat").items != ()
