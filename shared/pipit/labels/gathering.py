"""All that the registry knows of a task's examples, read in pages: what a data set is frozen of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from pipit.bundle import SemanticVersion, parse_manifest
from pipit.errors import NotFound
from pipit.examples.client import ExampleClient
from pipit.examples.types import Example
from pipit.labels.client import LabelClient
from pipit.labels.freezing import Frozen, freeze
from pipit.labels.resolution import Resolution, resolve, standing
from pipit.labels.types import Event, Kind
from pipit.registry import RegistryClient


@dataclass(frozen=True, slots=True)
class Gathered:
    """added: labels that people added, in their order. resolutions: of examples of which anything was said."""

    task: str
    examples: tuple[Example, ...]
    deleted: tuple[str, ...]
    added: tuple[str, ...]
    resolutions: Mapping[str, Resolution]

    def freeze(self, name: str, known: tuple[str, ...] = (), similar: Mapping[str, str] | None = None) -> Frozen:
        """known: labels of the task's bundle. similar: see `freezing.freeze`."""
        return freeze(name, self.task, (*known, *self.added), self.examples, self.resolutions, self.deleted, similar)


def gather(examples: ExampleClient, labels: LabelClient, task: str) -> Gathered:
    """Raises what the clients raise."""
    of_example: defaultdict[str, list[Event]] = defaultdict(list)
    place: dict[tuple[str, str], str] = {}
    for event in all_events(labels, task):
        # What takes something back need not name the example.
        place[event.by, event.id] = event.example or place.get((event.by, event.undoes), "")
        of_example[place[event.by, event.id]].append(event)
    loose = of_example.pop("", [])
    added = [event.label for event in standing(loose) if event.kind is Kind.ADD_LABEL]
    found, deleted = all_examples(examples, task)
    return Gathered(
        task,
        found,
        deleted,
        tuple(dict.fromkeys(added)),
        {example: resolve(said) for example, said in of_example.items()},
    )


def all_examples(client: ExampleClient, task: str) -> tuple[tuple[Example, ...], tuple[str, ...]]:
    """Every example, oldest first, and the ids of deleted ones."""
    examples, deleted, after, more = dict[str, Example](), list[str](), "", True
    while more:
        page = client.list_examples(task, after)
        # One that was corrected late comes once more.
        examples |= {example.id: example for example in page.examples}
        deleted += page.deleted
        after, more = page.next, page.more
    gone = set(deleted)
    return tuple(example for example in examples.values() if example.id not in gone), tuple(dict.fromkeys(deleted))


def all_events(client: LabelClient, task: str) -> list[Event]:
    """Every event, in the order in which the registry got them."""
    events, after, more = list[Event](), "", True
    while more:
        page = client.read_events(task, after)
        events += page.events
        after, more = page.next, page.more
    return events


def bundle_labels(client: RegistryClient, task: str) -> tuple[str, ...]:
    """Labels of the newest version of a task; none where there is none."""
    try:
        versions = client.list_versions(task).versions
    except NotFound:
        return ()
    if not versions:
        return ()
    newest = max(versions, key=lambda version: SemanticVersion(version.version))
    return parse_manifest(client.get_version(task, newest.version).manifest).labels
