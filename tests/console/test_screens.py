"""Every screen opens without an error, breaks no policy, and is readable for everybody (WCAG AA, by axe)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from harness import DEVICE, TOKENS, Registry, pictures
from people import Person, describe
from pipit.registry import RegistryClient
from playwright.sync_api import expect

Begin = Callable[..., Person]
SOUNDS = "home_security.sounds"
SCREENS = {
    "now": ("/", SOUNDS),
    "moves": (f"/tasks/{SOUNDS}?tab=moves", "for the test"),
    "device": (f"/devices/{DEVICE}", DEVICE),
    "tasks": ("/tasks", SOUNDS),
    "task": (f"/tasks/{SOUNDS}", "1.1.0"),
    "version": (f"/tasks/{SOUNDS}/versions/1.1.0", "hears what matters"),
    "card": (f"/tasks/{SOUNDS}/versions/1.1.0?tab=card", "A card"),
    "report": (f"/tasks/{SOUNDS}/versions/1.1.0?tab=report", "crying_baby"),
    "compare": (f"/tasks/{SOUNDS}?tab=compare&a=1.0.0&b=1.1.0", "accuracy"),
    "rollouts": ("/rollouts", "ollout"),
    "devices": ("/devices", "evice"),
    "label": ("/label", SOUNDS),
    "label task": (f"/label/{SOUNDS}", "24"),
    "focus": (f"/label/{SOUNDS}/focus", "clip-"),
    "grid": (f"/label/{SOUNDS}/grid", "suggestion hidden"),
    "sound": (f"/label/{SOUNDS}/sound", "clip-"),
    "timeline": (f"/label/{SOUNDS}/timeline", "evening-0"),
}
"""Addresses, with what is to be read there."""
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], "resultTypes": ["violations"]}


def problems(person: Person, path: str, text: str) -> list[str]:
    """What is wrong with a screen: by axe, by the browser, or because it is wider than the window."""
    person.open(path)
    expect(person.page.locator("#main")).to_contain_text(text)
    found = describe(Axe().run(person.page, options=RULES).response["violations"])
    wide = person.page.evaluate("document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth")
    if wide > 0:
        found.append(f"{wide} px wider than the window")
    return [f"{path}: {each}" for each in (*found, *person.take_wrong())]


@pytest.fixture(scope="module")
def boxes(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A task of pictures."""
    task = "footprints.detector"
    registry.publish(tmp_path_factory.mktemp("boxes"), task, "1.0.0")
    registry.bring(task, pictures(task, 3))
    return task


@pytest.mark.parametrize(
    "options",
    [{"color_scheme": "light"}, {"color_scheme": "dark"}, {"viewport": {"width": 360, "height": 740}}],
    ids=["light", "dark", "phone"],
)
def test_every_screen_is_for_everybody(person: Begin, boxes: str, options: dict[str, object]) -> None:
    anna = person(**options)
    screens = (*SCREENS.values(), (f"/label/{boxes}/boxes", "scene-"))
    assert [each for path, text in screens for each in problems(anna, path, text)] == []


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
    expect(ben.page.locator("#main")).to_contain_text("hears what matters")
    promote = ben.page.get_by_role("button", name="Promote")
    assert promote.count() == 0 or promote.first.is_disabled()
    ben.check()


def test_a_version_is_promoted_with_the_command_beside_it(person: Begin, registry: Registry) -> None:
    anna = person()
    anna.open(f"/tasks/{SOUNDS}/versions/1.1.0")
    anna.page.get_by_role("button", name="Promote").click()
    dialog = anna.page.get_by_role("dialog")
    dialog.get_by_role("radio", name="Now").check()
    dialog.get_by_label("Reason").fill("better by four points")
    command = dialog.locator("code").inner_text()
    assert command.startswith(f"pipit promote {SOUNDS} 1.1.0 ")
    assert "--profile now" in command
    dialog.get_by_role("button", name="Promote").click()
    expect(dialog).to_be_hidden()
    anna.check()
    with RegistryClient(registry.address, TOKENS["anna"]) as client:
        move = client.history(SOUNDS, "production")[-1]
    assert (move.to_version, move.actor, move.reason) == ("1.1.0", "anna", "better by four points")
