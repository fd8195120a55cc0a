"""Pictures of every screen for docs/console, of a console beside a real registry, real servers and real recordings.

    python tests/console/take_screenshots.py [--state runs/demo] [--out docs/console]     # `make screenshots`

It runs `pipit demo --rollout --console`, which trains where `--state` holds no training yet, on the recordings in
PIPIT_DATA where there are any. Anna and Ben label some of the clips, and think differently of one. The pictures for the
screen with boxes are drawn by a program; the recording on the timeline is made of 40 clips, where there are real ones.
Needs chromium.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from footprints.detector.synthetic import draw_png
from PIL import Image
from pipit.bundle import open_bundle
from pipit.capture.answered import parts_of
from pipit.examples import Example, Reason
from pipit.examples.client import ExampleClient
from pipit.examples.ids import example_id
from pipit.inputs import EncodedAudio
from pipit.inputs.suffixes import media_type_of
from pipit.labels.client import LabelClient
from pipit.labels.types import Event, Kind
from pipit.pipelines.served import serve_bundle
from pipit.settings import DataSettings, load_settings
from playwright.sync_api import Browser, Page, expect, sync_playwright

TASK, PICTURES = "home_security.sounds", "footprints.detector"
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
_LABELLED = 12
_RECORDING = "evening.wav"
_HEARD = (10, 0, 10, 20, 38)
"""What is heard in it, by the numbers in ESC-50's file names: rain, a dog, rain, a crying baby, a clock."""
_CLIPS_OF_EACH, _CLIP_SECONDS = 8, 5.0
_SETTLE_MS = 1200
"""For curves and pictures that come after the text."""


def main(arguments: Sequence[str] | None = None) -> int:
    """0 where every picture was taken."""
    parser = argparse.ArgumentParser(prog="take_screenshots.py", description="Take pictures of the console's screens.")
    parser.add_argument("--state", type=Path, default=Path("runs/demo"), help="folder of the demo (default: runs/demo)")
    parser.add_argument("--out", type=Path, default=Path("docs/console"), help="where they go (default: docs/console)")
    parser.add_argument("--only", nargs="*", default=(), metavar="NAME", help='such as "compare timeline"')
    options = parser.parse_args(arguments)
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.stderr.write("there is no chromium; install it (on Debian: sudo apt install chromium)\n")
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    with running_demo(options.state) as demo, sync_playwright() as playwright:
        bring_pictures(demo["registry"])
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        if not options.only:
            label_a_few(browser, demo["console"])
        for name, path, scheme, window in screens(demo):
            if name == "timeline":
                bring_recording(demo["registry"], Path(demo["bundle"]))
            if not options.only or name in options.only:
                take(browser, demo["console"] + path, options.out / f"{name}.png", scheme, window)
        browser.close()
    return 0


@contextmanager
def running_demo(state: Path) -> Iterator[dict[str, Any]]:
    """Its result, while everything that it started still runs."""
    command = [sys.executable, "-m", "pipit.cli.demo", "--rollout", "--console", "--json", "--each", "1"]
    demo = subprocess.Popen([*command, "--state", str(state)], stdout=subprocess.PIPE, text=True)
    assert demo.stdout is not None
    text = ""
    for line in demo.stdout:
        text += line
        if line == "}\n":
            break
    try:
        yield json.loads(text)
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(60)


def screens(demo: dict[str, Any]) -> Iterator[tuple[str, str, str, dict[str, int]]]:
    """Name, address, colour scheme and window of each."""
    version, stopped = demo["version"], demo["rollout"]["version"]
    label = f"/label/{TASK}"
    yield "now", "/", "light", DESKTOP
    yield "now-dark", "/", "dark", DESKTOP
    yield "now-phone", "/", "light", PHONE
    yield "task", f"/tasks/{TASK}", "light", DESKTOP
    yield "version", f"/tasks/{TASK}/versions/{version}", "light", DESKTOP
    yield "report", f"/tasks/{TASK}/versions/{version}?tab=report", "light", DESKTOP
    yield "compare", f"/tasks/{TASK}?tab=compare&a={version}&b={stopped}", "light", DESKTOP
    yield "rollout", f"/rollouts/{TASK}/production", "light", DESKTOP
    yield "devices", "/devices", "light", DESKTOP
    yield "label", label, "light", DESKTOP
    yield "focus", f"{label}/focus", "light", DESKTOP
    yield "focus-phone", f"{label}/focus", "dark", PHONE
    yield "grid", f"{label}/grid", "light", DESKTOP
    yield "sound", f"{label}/sound", "dark", DESKTOP
    yield "boxes", f"/label/{PICTURES}/boxes?mode=all", "light", DESKTOP
    # The last one: its recording would be in the others.
    yield "timeline", f"{label}/timeline?group={_RECORDING}", "light", DESKTOP


def take(browser: Browser, url: str, file: Path, scheme: str, window: dict[str, int]) -> None:
    """One picture, with few colours, so that the file is small."""
    context = browser.new_context(viewport=window, color_scheme=scheme)  # type: ignore[arg-type]
    page = sign_in(context.new_page(), url, "Anna")
    page.goto(url)
    expect(page.locator("#main h1")).to_be_visible(timeout=60_000)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(_SETTLE_MS)
    if file.stem == "boxes":
        draw_box(page)
    if file.stem == "timeline":
        fill_some(page)
    page.screenshot(path=file)
    context.close()
    with Image.open(file) as picture:
        few = picture.convert("RGB").quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.save(file, optimize=True)
    sys.stdout.write(f"{file}\n")


def sign_in(page: Page, url: str, name: str) -> Page:
    """By a name: the demo's registry asks for no tokens."""
    page.goto(url)
    page.locator("input[name=name]").fill(name)
    page.keyboard.press("Enter")
    expect(page.get_by_role("navigation", name="Pipit")).to_be_visible()
    return page


def label_a_few(browser: Browser, console: str) -> None:
    """As two people would, by keys: Anna accepts, Ben says something else of the first one."""
    for name, keys in (("Anna", "a" * _LABELLED), ("Ben", "2aaa")):
        context = browser.new_context(viewport=DESKTOP)  # type: ignore[arg-type]
        page = sign_in(context.new_page(), f"{console}/label/{TASK}/focus?mode=all", name)
        page.goto(f"{console}/label/{TASK}/focus?mode=all")
        for key in keys:
            expect(page.locator(".focus-content")).to_be_visible(timeout=60_000)
            page.wait_for_timeout(150)
            page.keyboard.press(key)
        expect(page.get_by_role("status").filter(has_text="All saved")).to_be_visible(timeout=60_000)
        context.close()


def bring_pictures(registry: str) -> None:
    """Scenes with footprints that a program draws; a detector would need a second training."""
    taken_at = datetime(2026, 11, 28, tzinfo=UTC)
    with ExampleClient(registry) as client:
        for number in range(4):
            content = draw_png(np.random.default_rng(number), 3)
            example = Example(
                id=example_id(taken_at, content),
                task=PICTURES,
                media_type="image/png",
                bytes=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
                reason=Reason.IMPORTED,
                taken_at=taken_at,
                name=f"drawn-{number}.png",
            )
            client.upload(example, content)
    with LabelClient(registry) as labels:
        label = Event(id="the-label-named-print", kind=Kind.ADD_LABEL, at=taken_at, label="print")
        labels.append(PICTURES, "the-label-named-print", [label])


def bring_recording(registry: str, bundle: Path) -> None:
    """Real clips one after the other, as one recording, with what the demo's model says of each; none without any."""
    data = load_settings(DataSettings).data
    if data is None or not (data / "esc50" / "audio").is_dir():
        return
    clips = {target: iter(sorted((data / "esc50" / "audio").glob(f"*-{target}.*"))) for target in _HEARD}
    taken_at = datetime(2026, 11, 28, 20, tzinfo=UTC)
    opened = open_bundle(bundle)
    with ExampleClient(registry) as client, serve_bundle(opened) as served:
        for number in range(len(_HEARD) * _CLIPS_OF_EACH):
            path = next(clips[_HEARD[number // _CLIPS_OF_EACH]])
            content = path.read_bytes()
            position = _CLIP_SECONDS * number
            at = taken_at + timedelta(seconds=position)
            example = Example(
                id=example_id(at, content),
                task=TASK,
                media_type=media_type_of(path.name),
                bytes=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
                reason=Reason.IMPORTED,
                taken_at=at,
                version=str(opened.manifest.version),
                parts=parts_of(served.answer(EncodedAudio(content))),
                group=_RECORDING,
                name=path.name,
                position=position,
            )
            client.upload(example, content)


def fill_some(page: Page) -> None:
    """The first three parts of the recording, as a person does: go to where one ends, and fill up to there."""
    if not page.locator(".band").count():
        return
    for steps, label in ((_CLIPS_OF_EACH - 1, "none"), (_CLIPS_OF_EACH, "dog"), (_CLIPS_OF_EACH, "none")):
        for _ in range(steps):
            page.keyboard.press("ArrowRight")
        page.locator(".label-choices").get_by_role("button", name=re.compile(rf"^{label}\b")).click()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(_SETTLE_MS)


def draw_box(page: Page) -> None:
    """Around the print in the picture that is shown first, by the mouse."""
    shown = page.locator("#stage img, #stage canvas, #stage svg")
    area = shown.first.bounding_box() if shown.count() else None
    if area is None:
        return
    x, y = area["x"] + area["width"] * 0.31, area["y"] + area["height"] * 0.14
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + area["width"] * 0.19, y + area["height"] * 0.21, steps=6)
    page.mouse.up()
    page.wait_for_timeout(_SETTLE_MS)


if __name__ == "__main__":
    sys.exit(main())
