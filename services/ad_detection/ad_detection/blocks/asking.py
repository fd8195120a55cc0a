"""Members and blocks as a viewer's program asks them: bundles in this process, or a server's tasks.

Whatever answers has to be what the bundle of blocks names, by the digest of its manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from pipit.bundle import Bundle, open_bundle
from pipit.bundle.manifest import Manifest
from pipit.bundle.manifest_file import parse_manifest
from pipit.cli.bundles import bundle_at
from pipit.cli.registry import connected
from pipit.client import Answer, Client, Refusal
from pipit.errors import InvalidInput, NotFound
from pipit.files import sha256_bytes
from pipit.inputs import Input, TensorInput
from pipit.pipelines.served import Served, serve_bundle
from pipit.types import Identity, Prediction

from ad_detection.blocks.ensemble import Ensemble, Member, ensemble_of
from ad_detection.blocks.pipeline import SCORES

TASK = "ad_detection.blocks"


class Asked(Protocol):
    """One stream of one task."""

    def push(self, item: Input, seconds: float | None = None) -> list[Prediction]:
        """What an input makes ready. Raises the errors of `pipit.errors`."""
        ...

    def finish(self) -> list[Prediction]:
        """What remains."""
        ...


@dataclass(frozen=True)
class Answering:
    """Opens a stream by a member's task. blocks: the manifest of the bundle that puts them together."""

    ensemble: Ensemble
    open_member: Callable[[Member], Asked]
    open_blocks: Callable[[], Asked]
    whole: Callable[[TensorInput], Sequence[Prediction]]
    """Of a recording's table."""


@contextmanager
def answering_bundles(blocks: Bundle, members: Sequence[Bundle]) -> Iterator[Answering]:
    """In this process. Raises NotFound for a member that is named and not given, and what opening bundles raises."""
    ensemble = ensemble_of(blocks.manifest.pipeline.parameters)
    by_digest = {bundle.digest: bundle for bundle in members}
    with ExitStack() as stack:
        served: dict[str, Served] = {}
        for member in ensemble.members:
            if member.digest not in by_digest:
                given = ", ".join(f"{one.manifest.task} {one.manifest.version}" for one in members) or "none"
                raise NotFound(f"the member {member} is not here; give its folder by --member (given: {given})")
            served[member.name] = stack.enter_context(serve_bundle(by_digest[member.digest]))
        own = stack.enter_context(serve_bundle(blocks))
        yield Answering(ensemble, lambda member: served[member.name].open_stream(), own.open_stream, own.answer)


@contextmanager
def answering_server(client: Client, registry: str = "") -> Iterator[Answering]:
    """By a server that has blocks and its members. registry: where its manifest is read, which names them.

    Raises NotFound for a task that it lacks, InvalidInput for one that serves another bundle than the one named, and
    what asking raises.
    """
    models = {model.task: model.identity for model in client.models()}
    own = _required(models, TASK)
    with connected(registry) as registered:
        content = registered.get_version(TASK, own.version).manifest
    if sha256_bytes(content) != own.digest:
        raise InvalidInput(f"the server's {TASK} {own.version} is not the registry's; serve what the registry has")
    ensemble = ensemble_of(parse_manifest(content).pipeline.parameters)
    for member in ensemble.members:
        require_digest(member.task, _required(models, member.task), member.digest)
    with ExitStack() as stack:

        def opened(task: str, digest: str) -> Asked:
            return stack.enter_context(_ServerStream(client, task, digest))

        def whole(table: TensorInput) -> Sequence[Prediction]:
            answer = client.classify(table, TASK)
            require_digest(TASK, answer.model, own.digest)
            return answer.predictions

        yield Answering(
            ensemble, lambda member: opened(member.task, member.digest), lambda: opened(TASK, own.digest), whole
        )


@contextmanager
def members_alone(members: Mapping[Member, Bundle]) -> Iterator[Callable[[Member], Asked]]:
    """Streams of members, before any bundle puts them together."""
    with ExitStack() as stack:
        served = {member: stack.enter_context(serve_bundle(bundle)) for member, bundle in members.items()}
        yield lambda member: served[member].open_stream()


def bundle_named(text: str) -> Bundle:
    """Of a folder or a run. Raises NotFound, and what opening raises."""
    return open_bundle(bundle_at(Path(text).expanduser()))


def require_blocks(manifest: Manifest) -> None:
    """Raises InvalidInput for a bundle of another task."""
    if manifest.task != TASK:
        raise InvalidInput(f"--bundle takes a bundle of {TASK}, not of {manifest.task}; that one may be a --member")


def require_digest(task: str, found: Identity, wanted: str) -> None:
    """Raises InvalidInput where another bundle answers than the one that is named."""
    if found.digest != wanted:
        raise InvalidInput(
            f"{task} {found.version} ({found.digest[:12]}) answers, but the blocks were made with {wanted[:12]}; serve "
            "that version, or make blocks anew"
        )


def moment(scores: Sequence[float]) -> TensorInput:
    """One moment's scores, NaN for none, as blocks take them in a stream."""
    return TensorInput(SCORES, np.array(scores, np.float32))


def _required(models: Mapping[str, Identity | None], task: str) -> Identity:
    identity = models.get(task)
    if identity is None:
        there = ", ".join(sorted(name for name, one in models.items() if one is not None)) or "none"
        raise NotFound(f"the server does not answer {task} (it answers {there}); serve it, or give --bundle")
    return identity


class _ServerStream:
    """A stream of a server, one input after the other."""

    def __init__(self, client: Client, task: str, digest: str) -> None:
        self._task = task
        self._digest = digest
        self._stream = client.open_stream(task)

    def __enter__(self) -> _ServerStream:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def push(self, item: Input, seconds: float | None = None) -> list[Prediction]:
        """See `Asked`."""
        self._stream.send(item, seconds)
        return self._said(self._stream.receive())

    def finish(self) -> list[Prediction]:
        """See `Asked`."""
        return self._said(self._stream.finish())

    def _said(self, replies: Sequence[Answer | Refusal]) -> list[Prediction]:
        found: list[Prediction] = []
        for reply in replies:
            if isinstance(reply, Refusal):
                raise reply.error
            require_digest(self._task, reply.model, self._digest)
            found += reply.predictions
        return found
