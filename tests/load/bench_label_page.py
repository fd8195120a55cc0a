"""The page of labels before 100,000 examples: what a person waits for, measured in the browser.

    python tests/load/bench_label_page.py [--examples 100000] [--labels 300]

Written to docs/measured/label_page.csv. A real registry on a local folder, a real console, and chromium, all on this
machine. stored: from the key to the server's answer that it has the label. next: from the key to the frame that shows
the next example. The examples are put into the store by the registry's own code, without the network; the console then
fills its index from it. Short recordings of tones, with a model's scores. Needs chromium.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import shutil
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

import numpy as np
import soundfile
from measure import milliseconds, write_csv

sys.path.insert(0, str(Path(__file__).parents[1] / "console"))

from harness import LABELS, Console, running_registry, sounds
from model_registry import layout
from model_registry.examples.pool import Pool
from people import Person
from pipit.examples.ids import example_id
from pipit.storage import LocalStore
from playwright.sync_api import Page, expect, sync_playwright

TASK = "bench.labels"
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
RATE = 8000
WATCH = """
() => {
  window.pipitTimes = { stored: [], next: [] };
  let pressed = 0, before = "";
  const stage = () => document.getElementById("stage")?.innerText.match(/clip-\\d+/)?.[0] ?? "";
  // At the window, which hears of a key before the page's own listener does.
  window.addEventListener("keydown", (event) => { pressed = event.timeStamp; before = stage(); }, true);
  new MutationObserver(() => {
    const now = stage();
    if (pressed && before && now && now !== before) {
      before = "";
      requestAnimationFrame(() => window.pipitTimes.next.push(performance.now() - pressed));
    }
  }).observe(document.body, { subtree: true, childList: true, characterData: true });
  new PerformanceObserver((list) => {
    for (const each of list.getEntries())
      if (each.name.endsWith("/events")) window.pipitTimes.stored.push(each.responseEnd - pressed);
  }).observe({ type: "resource" });
}
"""


def main() -> None:
    """Fills a store, opens the page, presses keys."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=100_000)
    parser.add_argument("--labels", type=int, default=300)
    options = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("there is no chromium; install it (on Debian: sudo apt install chromium)")
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        fill(LocalStore(folder / "store"), options.examples)
        with running_registry(folder) as registry:
            registry.publish(folder, TASK, "1.0.0")
            console = Console(registry.address, folder)
            console.start()
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            anna = Person(browser.new_context(), console.url, "anna")
            begun = perf_counter()
            anna.open(f"/label/{TASK}")
            everything = anna.page.locator("#main").get_by_text(f"{options.examples:,}").first
            while not everything.is_visible():
                anna.page.wait_for_timeout(1000)
                anna.page.reload()
                expect(anna.page.locator("#main h1")).to_be_visible()
            filled = perf_counter() - begun
            anna.open(f"/label/{TASK}/focus")
            times = press(anna, options.labels)
            browser.close()
            console.stop()
    rows.append(row("the console's index filled from the registry", np.array([filled * 1000])))
    rows.append(row("a label stored: key to the server's answer", np.array(times["stored"])))
    rows.append(row("the next example: key to screen", np.array(times["next"])))
    write_csv(
        "label_page", [{"examples": options.examples, **each} for each in rows], ("fastapi", "uvicorn", "playwright")
    )


def press(anna: Person, count: int) -> dict[str, list[float]]:
    """Milliseconds of each key. The first twenty warm up."""
    page: Page = anna.page
    anna.shown()
    page.evaluate(WATCH)
    for number in range(count + 20):
        anna.press_and_go_on(str(number % len(LABELS) + 1))
        anna.saved()
    found: dict[str, list[float]] = page.evaluate("window.pipitTimes")
    return {name: values[20:] for name, values in found.items()}


def row(what: str, values: np.ndarray) -> dict[str, object]:
    """values: milliseconds."""
    seconds = values / 1000
    return {
        "what": what,
        "median_ms": milliseconds(seconds, 50),
        "p95_ms": milliseconds(seconds, 95),
        "samples": len(values),
    }


def fill(store: LocalStore, count: int) -> None:
    """As if a device had sent them one after the other."""
    pool = Pool(store)
    ((pattern, _),) = sounds(TASK, 1)
    (part,) = pattern.parts
    generator = np.random.default_rng(3)
    seconds = np.arange(2000) / RATE
    for number in range(count):
        tones = np.sin(2 * np.pi * generator.uniform(100, 3900, (3, 1)) * seconds).sum(axis=0) * 8000
        buffer = io.BytesIO()
        soundfile.write(buffer, tones.astype(np.int16), RATE, format="WAV", subtype="PCM_16")
        content = buffer.getvalue()
        taken_at = BEGIN + timedelta(seconds=10 * number)
        scores = (replace(part.scores[0], score=float(generator.uniform(0.3, 0.7))), *part.scores[1:])
        example = replace(
            pattern,
            id=example_id(taken_at, content),
            bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            taken_at=taken_at,
            received_at=taken_at,
            parts=(replace(part, scores=scores),),
            group=f"evening-{number // 200}",
            name=f"clip-{number:06d}.wav",
        )
        store.create(layout.example_content(TASK, example.id), content)
        pool.add(example)
        if number % 10_000 == 0:
            print(f"{number} of {count} examples are there", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
