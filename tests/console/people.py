"""Somebody at a browser: what they do, and what the page must not do meanwhile."""

from __future__ import annotations

import re
from collections.abc import Iterable

from harness import TOKENS
from playwright.sync_api import BrowserContext, ConsoleMessage, expect

PATIENCE = 60_000
"""Milliseconds; two cores may be busy."""
AWAY = re.compile(
    r"net::ERR_(INTERNET_DISCONNECTED|CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE|CONTENT_LENGTH_MISMATCH)"
)
SIGNED_OUT = re.compile(r"status of 401 ")
"""What a browser says of every page that asks who is signed in, before anybody is."""
expect.set_options(timeout=PATIENCE)
_SHOWN = re.compile(r"(?:clip|scene)-\d+")


class Person:
    """One browser context, signed in by a token. wrong: what the page said in its console that it should not have."""

    def __init__(self, context: BrowserContext, url: str, name: str) -> None:
        self.context = context
        self.page = context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.wrong: list[str] = []
        self._url = url
        self._name = name
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.wrong.append(f"{error}"))

    def _heard(self, message: ConsoleMessage) -> None:
        # A policy that is broken (CSP) is an error here as well.
        if message.type in ("error", "warning"):
            self.wrong.append(message.text)

    def check(self, *allowed: re.Pattern[str]) -> None:
        """The page's console holds nothing but what is allowed."""
        assert self.take_wrong(*allowed) == []

    def take_wrong(self, *allowed: re.Pattern[str]) -> list[str]:
        """What was said since the last time, but for what is allowed."""
        heard, self.wrong = self.wrong, []
        return [text for text in heard if not any(each.search(text) for each in (SIGNED_OUT, *allowed))]

    def open(self, path: str) -> None:
        """Goes there; whoever is not signed in, does."""
        self.page.goto(f"{self._url}{path}")
        self.sign_in_if_asked()

    def sign_in_if_asked(self) -> None:
        """By keys alone."""
        form = self.page.get_by_role("heading", name="Sign in to Pipit")
        inside = self.page.get_by_role("navigation", name="Pipit")
        expect(form.or_(inside)).to_be_visible()
        if not form.is_visible():
            return
        self.page.locator("input[name=token]").focus()
        self.page.keyboard.type(TOKENS[self._name])
        self.page.keyboard.press("Enter")
        expect(inside).to_be_visible()

    def shown(self) -> str:
        """Name of the example that the label screen shows."""
        stage = self.page.locator("#stage")
        expect(stage).to_contain_text(_SHOWN)
        found = _SHOWN.search(stage.inner_text())
        assert found is not None
        return found[0]

    def press_and_go_on(self, key: str) -> None:
        """Presses a key, and waits until another example is shown, or none is left."""
        before = self.shown()
        self.page.keyboard.press(key)
        expect(self.page.locator("#stage")).not_to_contain_text(before)

    def saved(self) -> None:
        """Waits until the page says that the server has all of it."""
        expect(self.page.get_by_role("status").filter(has_text="All saved")).to_be_visible()

    def close(self, *allowed: re.Pattern[str]) -> None:
        """Checks, then closes."""
        self.check(*allowed)
        self.context.close()


def describe(violations: Iterable[dict[str, object]]) -> list[str]:
    """Of axe, a line each."""
    return [
        f"{each['id']}: {each['help']} ({[node['target'] for node in each['nodes']]})"  # type: ignore[attr-defined]
        for each in violations
    ]
