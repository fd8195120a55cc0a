"""People label by keys, alone and together, while the network goes and the console dies: nothing is lost or doubled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from harness import LABELS, Console, Registry, number_of, sounds
from people import AWAY, Person
from playwright.sync_api import expect

Begin = Callable[..., Person]


def label_next(person: Person) -> tuple[str, str]:
    """By the key of the label that the clip's number stands for; gives the clip's name and the label."""
    name = person.shown()
    index = number_of(name) % len(LABELS)
    person.press_and_go_on(str(index + 1))
    return f"{name}.wav", LABELS[index]


def said(registry: Registry, task: str, by: str, examples: dict[str, str]) -> list[tuple[str, str]]:
    """What the registry holds of somebody, by the names of clips, in the order of the names."""
    return sorted((examples[example], label) for example, label in registry.labels(task, by))


def test_a_hundred_by_keys_alone(person: Begin, registry: Registry, task: str) -> None:
    clips = sounds(task, 110)
    registry.bring(task, clips)
    names = {example.id: example.name for example, _ in clips}
    anna = person()
    anna.open(f"/label/{task}/focus?mode=all")
    given = [label_next(anna) for _ in range(100)]
    anna.saved()
    assert len(set(given)) == 100
    assert said(registry, task, "anna", names) == sorted(given)
    events = registry.events(task)
    assert len({event.id for event in events}) == len(events)
    anna.close()


def test_what_was_taken_back_is_not_said(person: Begin, registry: Registry, task: str) -> None:
    clips = sounds(task, 6)
    registry.bring(task, clips)
    anna = person()
    anna.open(f"/label/{task}/focus?mode=all")
    first, _ = label_next(anna)
    label_next(anna)
    anna.page.keyboard.press("u")
    anna.page.keyboard.press("Control+z")
    expect(anna.page.locator("#stage")).to_contain_text(first.removesuffix(".wav"))
    anna.press_and_go_on("5")
    anna.saved()
    kinds = Counter(event.kind.value for event in registry.events(task))
    assert kinds == {"label": 3, "undo": 2}
    undone = {event.undoes for event in registry.events(task) if event.undoes}
    left = [event for event in registry.events(task) if event.kind.value == "label" and event.id not in undone]
    assert [event.label for event in left] == [LABELS[4]]
    anna.close()


def test_two_people_who_disagree_make_a_queue(person: Begin, registry: Registry, task: str) -> None:
    clips = sounds(task, 4)
    registry.bring(task, clips)
    people = {"anna": person("anna"), "ben": person("ben")}
    for each in people.values():
        each.open(f"/label/{task}/focus?mode=all")
    order = []
    for _ in range(3):
        order.append(people["anna"].shown())
        assert people["ben"].shown() == order[-1]
        # Of the second they think differently.
        people["anna"].press_and_go_on("1")
        people["ben"].press_and_go_on("2" if len(order) == 2 else "1")
    for each in people.values():
        each.saved()
    names = {example.id: example.name for example, _ in clips}
    assert [label for name, label in said(registry, task, "ben", names) if name == f"{order[1]}.wav"] == [LABELS[1]]
    assert [label for name, label in said(registry, task, "anna", names) if name == f"{order[1]}.wav"] == [LABELS[0]]
    people["anna"].open(f"/label/{task}/focus?mode=disagreements")
    assert people["anna"].shown() == order[1]
    stage = people["anna"].page.locator("#stage")
    for text in ("anna", "ben", LABELS[0], LABELS[1]):
        expect(stage).to_contain_text(text)
    for each in people.values():
        each.close()


def test_the_network_goes_in_the_middle(person: Begin, registry: Registry, task: str) -> None:
    clips = sounds(task, 12)
    registry.bring(task, clips)
    names = {example.id: example.name for example, _ in clips}
    anna = person()
    anna.open(f"/label/{task}/focus?mode=all")
    given = [label_next(anna) for _ in range(3)]
    anna.saved()
    anna.context.set_offline(True)
    given += [label_next(anna) for _ in range(4)]
    expect(anna.page.get_by_role("status").filter(has_text="4 not yet saved")).to_be_visible()
    assert said(registry, task, "anna", names) == sorted(given[:3])
    anna.context.set_offline(False)
    anna.saved()
    given += [label_next(anna) for _ in range(3)]
    anna.saved()
    assert said(registry, task, "anna", names) == sorted(given)
    anna.close(AWAY)


def test_the_console_dies_in_the_middle(person: Begin, registry: Registry, console: Console, task: str) -> None:
    clips = sounds(task, 12)
    registry.bring(task, clips)
    names = {example.id: example.name for example, _ in clips}
    anna = person()
    anna.open(f"/label/{task}/focus?mode=all")
    given = [label_next(anna) for _ in range(3)]
    console.kill()
    given += [label_next(anna) for _ in range(4)]
    expect(anna.page.get_by_role("status").filter(has_text="not yet saved")).to_be_visible()
    console.start()
    # Who was signed in, it does not know any more; what was not sent is in the browser.
    anna.open(f"/label/{task}/focus?mode=all")
    anna.saved()
    assert said(registry, task, "anna", names) == sorted(given)
    given += [label_next(anna) for _ in range(3)]
    anna.saved()
    assert said(registry, task, "anna", names) == sorted(given)
    anna.close(AWAY)
