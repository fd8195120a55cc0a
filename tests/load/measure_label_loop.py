"""How much a model gains by labels of what it was unsure of, against labels of as many sounds that chance chose.

Each seed trains a first model on few clips, which a real server answers by; the device keeps all that it hears. Then
the least sure, or as many at random, are labelled, frozen, trained on and promoted, and the device is asked about clips
that nobody trained on. Writes docs/measured/label_loop.csv. Needs ESC-50 and YAMNet in PIPIT_DATA.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from label_loop import TASK, Loop, Settings, Sound, open_loop
from measure import write_csv
from pipit.examples import Example
from pipit.files import sha256_file
from pipit.labels import Event, Kind
from pipit.settings import DataSettings, load_settings


@dataclass(frozen=True, slots=True)
class _Choice:
    """name: of the set. examples: that are labelled."""

    name: str
    examples: Sequence[Example]


def main() -> None:
    """Measures, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--few", type=int, default=1, help="clips of each class that train the first model")
    parser.add_argument("--labels", type=int, default=20, help="sounds that are labelled")
    options = parser.parse_args()
    data = load_settings(DataSettings).data
    if data is None:
        sys.exit("set PIPIT_DATA to the folder that holds esc50 and backbones")
    rows = []
    for seed in range(1, options.seeds + 1):
        settings = Settings(seed=seed, few=options.few, low=0.0, high=1.0)
        with tempfile.TemporaryDirectory() as folder, open_loop(data, Path(folder), settings) as loop:
            for row in _rounds(loop, options.labels):
                rows.append(row)
                print(row, flush=True)  # noqa: T201
    write_csv("label_loop", rows, ("keras", "ai-edge-litert", "numpy"))


def _rounds(loop: Loop, count: int) -> Iterator[dict[str, object]]:
    """A row for the first model, and for one of each choice."""
    first = loop.train()
    loop.serve()
    loop.wait_for(first["version"])
    loop.ask(loop.heard)
    heard = sorted(loop.arrived(loop.heard), key=lambda example: example.sha256)
    yield _row(loop, "few", 0, 0)
    surest = sorted(heard, key=lambda example: example.parts[0].scores[0].score)
    choices = [_Choice("hard", surest[:count])]
    choices.append(_Choice("random", random.Random(loop.settings.seed).sample(heard, count)))
    for choice in choices:
        events = loop.label(choice.examples)
        frozen = loop.freeze(choice.name)
        trained = loop.train(f"labels://{choice.name}@{frozen['digest']}")
        loop.wait_for(trained["version"])
        wrong = _wrong(loop.heard, choice.examples)
        yield _row(loop, choice.name, len(choice.examples), wrong)
        # The next choice begins with nothing labelled.
        undo = [
            Event(str(uuid.uuid4()), Kind.UNDO, datetime.now(UTC), event.example, undoes=event.id) for event in events
        ]
        loop.labels.append(TASK, str(uuid.uuid4()), undo)


def _wrong(sounds: Sequence[Sound], chosen: Sequence[Example]) -> int:
    """How many of the chosen the first model answered wrongly."""
    truth = {sha256_file(sound.path): sound.label for sound in sounds}
    return sum(example.parts[0].scores[0].label != truth[example.sha256] for example in chosen)


def _row(loop: Loop, trained_on: str, labels: int, wrong: int) -> dict[str, object]:
    accuracy, alarms = loop.accuracy(), loop.accuracy(alarms_only=True)
    return {
        "seed": loop.settings.seed,
        "labels_of": trained_on,
        "labels": labels,
        "wrongly_answered_before": wrong,
        "held_clips": len(loop.held),
        "accuracy": f"{accuracy:.3f}",
        "accuracy_of_alarms": f"{alarms:.3f}",
    }


if __name__ == "__main__":
    main()
