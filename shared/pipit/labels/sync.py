"""Keeps an index in step with the registry.

pages of examples ─> pages of events ─> vectors of examples that have none, a few at a time, newest first
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from pipit.errors import InvalidInput, NotFound
from pipit.examples.client import ExampleClient
from pipit.labels.client import LabelClient
from pipit.labels.features import Vector, features_of
from pipit.labels.index import LabelIndex
from pipit.logging import get_logger

_log = get_logger("labels.sync")
STEP = 10
"""Vectors that are written at once: a label waits for that transaction at most."""
FEATURE_SECONDS = 2.0
"""How long one call makes vectors, so that pages are asked for again soon."""


def pull(
    index: LabelIndex,
    examples: ExampleClient,
    labels: LabelClient,
    stopped: Callable[[], bool] = lambda: False,
    feature_seconds: float = FEATURE_SECONDS,
) -> bool:
    """Takes in all that is new, then makes vectors for a while; gives whether examples without one are left.

    stopped: asked between steps. Killed at any point, the next call goes on where this one ended. Raises what the
    clients raise.
    """
    pull_examples(index, examples, stopped)
    pull_events(index, labels, stopped)
    end = monotonic() + feature_seconds
    while not stopped():
        if monotonic() >= end:
            return bool(index.without_features(1))
        if not make_features(index, examples):
            return False
    return True


def pull_examples(index: LabelIndex, examples: ExampleClient, stopped: Callable[[], bool] = lambda: False) -> None:
    """Pages until nothing is new."""
    more = True
    while more and not stopped():
        after = index.cursor("examples")
        try:
            page = examples.list_examples(index.task, after)
        except InvalidInput:
            if not after:
                raise
            _begin_anew(index)
            continue
        if (page.examples or page.deleted or page.next != after) and not index.feed_examples(page, after):
            continue
        more = page.more


def pull_events(index: LabelIndex, labels: LabelClient, stopped: Callable[[], bool] = lambda: False) -> None:
    """Pages until nothing is new."""
    more = True
    while more and not stopped():
        after = index.cursor("events")
        try:
            page = labels.read_events(index.task, after)
        except InvalidInput:
            if not after:
                raise
            _begin_anew(index)
            continue
        if (page.events or page.next != after) and not index.feed_events(page, after):
            continue
        more = page.more


def _begin_anew(index: LabelIndex) -> None:
    """The registry has another store, or one that was set back: what was taken in may never have been true of it."""
    _log.warning("index_of_another_store", task=index.task)
    index.clear()


def make_features(index: LabelIndex, examples: ExampleClient) -> bool:
    """Of some examples; gives whether there were any."""
    vectors: dict[str, Vector | None] = {}
    for example in index.without_features(STEP):
        try:
            content = examples.read_content(index.task, example.id)
        except NotFound:
            # Deleted meanwhile; the next page says so.
            vectors[example.id] = None
        else:
            vectors[example.id] = features_of(example.media_type, content)
    index.feed_features(vectors)
    return bool(vectors)
