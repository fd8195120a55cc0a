"""Every screen opens without an error, breaks no policy, and is readable for everybody (WCAG AA, by axe)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from harness import Registry, pictures
from people import Person, describe
from playwright.sync_api import expect

Begin = Callable[..., Person]
SOUNDS = "home_security.sounds"
SCREENS = {
    "now": ("/", SOUNDS),
    "tasks": ("/tasks", SOUNDS),
    "task": (f"/tasks/{SOUNDS}", "1.1.0"),
    "version": (f"/tasks/{SOUNDS}/versions/1.1.0", "A card"),
    "compare": (f"/tasks/{SOUNDS}/compare?a=1.0.0&b=1.1.0", "accuracy"),
    "rollouts": ("/rollouts", "ollout"),
    "devices": ("/devices", "evice"),
    "label": ("/label", SOUNDS),
    "label task": (f"/label/{SOUNDS}", "24"),
    "focus": (f"/label/{SOUNDS}/focus", "clip-"),
    "grid": (f"/label/{SOUNDS}/grid", "clip-"),
    "sound": (f"/label/{SOUNDS}/sound", "clip-"),
    "timeline": (f"/label/{SOUNDS}/timeline", "evening-0"),
}
"""Addresses, with what is to be read there."""
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], "resultTypes": ["violations"]}


def check(person: Person, path: str, text: str) -> None:
    person.open(path)
    expect(person.page.locator("#main")).to_contain_text(text)
    found = Axe().run(person.page, options=RULES).response["violations"]
    assert describe(found) == [], path
    person.check()


@pytest.fixture(scope="module")
def boxes(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A task of pictures."""
    task = "footprints.detector"
    registry.publish(tmp_path_factory.mktemp("boxes"), task, "1.0.0")
    registry.bring(task, pictures(task, 3))
    return task


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_screen_is_for_everybody(person: Begin, boxes: str, scheme: str) -> None:
    anna = person(color_scheme=scheme)
    for path, text in (*SCREENS.values(), (f"/label/{boxes}/boxes", "scene-")):
        check(anna, path, text)


def test_every_screen_fits_a_phone(person: Begin, boxes: str) -> None:
    anna = person(viewport={"width": 360, "height": 740})
    for path, text in (*SCREENS.values(), (f"/label/{boxes}/boxes", "scene-")):
        check(anna, path, text)
        wide = anna.page.evaluate("document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth")
        assert wide <= 0, f"{path} is {wide} px wider than the phone"


def test_who_is_not_signed_in_sees_nothing_but_the_form(person: Begin) -> None:
    stranger = person()
    stranger.page.goto(f"{stranger._url}/tasks")
    expect(stranger.page.get_by_role("heading", name="Sign in to Pipit")).to_be_visible()
    assert describe(Axe().run(stranger.page, options=RULES).response["violations"]) == []
    stranger.page.locator("input[name=token]").fill("a token that nobody has")
    stranger.page.keyboard.press("Enter")
    expect(stranger.page.get_by_role("alert")).to_contain_text("does not know this token")
    stranger.check()


def test_who_may_label_alone_can_not_promote(person: Begin) -> None:
    ben = person("ben")
    ben.open(f"/tasks/{SOUNDS}/versions/1.1.0")
    expect(ben.page.locator("#main")).to_contain_text("A card")
    promote = ben.page.get_by_role("button", name="Promote")
    assert promote.count() == 0 or promote.first.is_disabled()
    ben.check()


def test_a_version_is_promoted_with_the_command_beside_it(person: Begin, registry: Registry) -> None:
    anna = person()
    anna.open(f"/tasks/{SOUNDS}/versions/1.1.0")
    anna.page.get_by_role("button", name="Promote").first.click()
    expect(anna.page.get_by_text(f"pipit promote {SOUNDS} 1.1.0 production").first).to_be_visible()
    anna.check()
