"""`pipit label auto`: what a model would say, kept as suggestions."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from pipit.bundle import open_bundle
from pipit.cli.bench import find_bundle
from pipit.cli.label.connection import connected_labels, new_event
from pipit.cli.output import JsonOption, print_json, print_line, say
from pipit.cli.registry import RegistryOption
from pipit.cli.settings import CliSettings
from pipit.client import Client
from pipit.errors import InputTooLarge, InvalidInput, NotFound
from pipit.examples import Example, Reason
from pipit.examples.client import ExampleClient
from pipit.inputs import Input
from pipit.labels import Event, Kind
from pipit.labels.client import LabelClient
from pipit.labels.gathering import Gathered, gather
from pipit.labels.inputs import input_of
from pipit.labels.resolution import Resolution, State
from pipit.pipelines.served import serve_bundle
from pipit.printable import counted
from pipit.settings import load_settings
from pipit.training.progress import Progress, RichProgress
from pipit.types import LabelScore, Prediction, said

_BATCH = 50
"""Suggestions that are sent at once: what is lost at most when it is ended in the middle."""


@dataclass(frozen=True, slots=True)
class Model:
    """Something that answers."""

    version: str
    answer: Callable[[Input], tuple[Prediction, ...]]


@dataclass(slots=True)
class Outcome:
    """How many examples got a suggestion, how many of these reach the threshold, and why others got none."""

    suggested: int = 0
    sure: int = 0
    nothing_found: int = 0
    unreadable: int = 0
    before: int = 0


def auto(
    task: Annotated[str, typer.Option("--task", metavar="TASK", help='"domain.task".')],
    *,
    threshold: Annotated[float, typer.Option(min=0.0, max=1.0, help="Score from which a suggestion is sure.")] = 0.8,
    server: Annotated[str, typer.Option(help="host:port of the server to ask. (default: PIPIT_SERVER)")] = "",
    bundle: Annotated[
        Path | None, typer.Option(metavar="RUN|BUNDLE", help="Ask this bundle here, and no server.")
    ] = None,
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """Let a model suggest a label for every example that nobody has labelled.

    A suggestion counts as nobody's label: the console offers those of a task by themselves, the lowest score first. The
    examples that devices chose at random get none, since they tell how good models are. Ended in the middle, it goes on
    where it was; what a version has suggested is not asked of it again.

    For example:
      pipit label auto --task TASK --threshold 0.8
      pipit label auto --task TASK --bundle runs/TASK/RUN
    """
    if server and bundle is not None:
        raise InvalidInput("give --server or --bundle, not both")
    with connected_labels(registry) as (examples, labels), _model(task, server, bundle) as model:
        found = gather(examples, labels, task)
        outcome = suggest(task, found, model, examples, labels, threshold, RichProgress())
    if json:
        print_json({"task": task, "version": model.version, "threshold": threshold, **_plain(outcome)})
        return
    print_line(
        f"{escape(task)} {escape(model.version)} suggests {counted(outcome.suggested, 'label')}, "
        f"{outcome.sure} of them with {threshold:g} or more"
    )
    for count, why in (
        (outcome.before, "had a suggestion of this version"),
        (outcome.nothing_found, "got none: the model found nothing in them"),
        (outcome.unreadable, "can't be read by this model"),
    ):
        if count:
            say(f"{counted(count, 'example')} {why}")


def suggest(
    task: str,
    found: Gathered,
    model: Model,
    examples: ExampleClient,
    labels: LabelClient,
    threshold: float,
    progress: Progress,
) -> Outcome:
    """Asks the model about each example that waits, and sends what it says. Raises what the clients raise."""
    outcome, waiting = Outcome(), list[Example]()
    for example in found.examples:
        known = found.resolutions.get(example.id, Resolution())
        if example.reason is Reason.RANDOM or known.state is not State.NONE:
            continue
        if known.suggestion is not None and known.suggestion.version == model.version:
            outcome.before += 1
        else:
            waiting.append(example)
    events: list[Event] = []
    try:
        with progress.track(f"asking {task} {model.version}", len(waiting)) as bar:
            for example in waiting:
                guess = _guess(task, example, model, examples, outcome)
                if guess is not None:
                    outcome.suggested += 1
                    outcome.sure += guess.score >= threshold
                    events.append(new_event(Kind.SUGGEST, example.id, guess.label, guess.score, model.version))
                if len(events) == _BATCH:
                    _send(task, labels, events)
                bar.advance()
    finally:
        # Ctrl-C, too, leaves behind what was asked.
        _send(task, labels, events)
    return outcome


def best_guess(predictions: tuple[Prediction, ...]) -> LabelScore | None:
    """What the answer says; where it says nothing, the label that comes nearest. None where nothing was found."""
    nearest = (prediction.scores[0] for prediction in predictions if prediction.scores)
    return said(predictions) or max(nearest, key=lambda score: score.score, default=None)


def _guess(task: str, example: Example, model: Model, examples: ExampleClient, outcome: Outcome) -> LabelScore | None:
    try:
        guess = best_guess(model.answer(input_of(example.media_type, examples.read_content(task, example.id))))
    except NotFound:
        # Deleted meanwhile.
        return None
    except (InvalidInput, InputTooLarge):
        outcome.unreadable += 1
        return None
    outcome.nothing_found += guess is None
    return guess


def _send(task: str, labels: LabelClient, events: list[Event]) -> None:
    if events:
        labels.append(task, str(uuid.uuid4()), events)
        events.clear()


@contextmanager
def _model(task: str, server: str, bundle: Path | None) -> Iterator[Model]:
    if bundle is not None:
        opened = open_bundle(find_bundle(str(bundle)))
        if opened.manifest.task != task:
            raise InvalidInput(f"{bundle} is a bundle of {opened.manifest.task}, not of {task}")
        with serve_bundle(opened) as served:
            yield Model(str(opened.manifest.version), lambda item: tuple(served.answer(item)))
        return
    settings = load_settings(CliSettings)
    with Client(server or settings.server, task=task, **settings.access) as client:
        serving = {status.task: status.identity for status in client.models()}
        identity = serving.get(task)
        if identity is None:
            raise NotFound(f"{server or settings.server} does not answer for {task}; pipit serve {task} starts one")
        yield Model(identity.version, lambda item: client.classify(item).predictions)


def _plain(outcome: Outcome) -> dict[str, int]:
    return {
        "suggested": outcome.suggested,
        "sure": outcome.sure,
        "nothing_found": outcome.nothing_found,
        "unreadable": outcome.unreadable,
        "before": outcome.before,
    }
