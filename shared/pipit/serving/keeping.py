"""Hard examples of a server that follows a registry: what the data plane shows to `pipit.capture`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from pipit.capture.answered import Answered
from pipit.capture.capture import AskOther, Capture
from pipit.capture.tail import StreamTail
from pipit.errors import Unavailable
from pipit.examples.client import ExampleClient
from pipit.inputs import Input, InputSequence, TensorInput
from pipit.inputs.memory import Budget
from pipit.landmark_networks import FACE_DETECTOR
from pipit.metrics import Metrics
from pipit.rpc.server import MEBIBYTE
from pipit.serving.model import LoadedModel
from pipit.serving.settings import ServingSettings
from pipit.serving.sources import RegistrySource
from pipit.types import Prediction

__all__ = ["Keeping", "StreamTail", "keeping_of", "shows_people"]
_TIMEOUT = 120.0
"""Seconds for an upload; what is left of it then goes on later."""


class Keeping:
    """Of one process."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self.start, self.settle, self.stop = capture.start, capture.settle, capture.stop
        self.remember, self.judged = capture.remember, capture.judged
        self.forget_people = capture.forget_people

    @property
    def tasks(self) -> Mapping[str, object]:
        """Those whose inputs may be kept now."""
        return self._capture.choosers

    def open_tail(self) -> StreamTail:
        """For one recording of a stream."""
        return StreamTail()

    def offer(
        self, model: LoadedModel, item: Input | None, tail: StreamTail | None, predictions: Sequence[Prediction]
    ) -> Answered | None:
        """Perhaps keeps an answered input. None: nothing that could be kept is at hand, or may be.

        item: None for a part of a recording, which is cut out of `tail`.
        """
        begins, group = 0.0, ""
        with_faces = shows_people(model)
        if not with_faces and model.manifest.input.kind == "image" and _has_tensor(item):
            # Somebody may be in its pixels, and no detector takes them.
            return None
        if item is None:
            cut = None if tail is None else tail.cut(predictions)
            if cut is None or tail is None:
                return None
            item, begins, group = cut.item, cut.begins, tail.group
        return self._capture.offer(
            model.identity,
            item,
            predictions,
            shows_people=with_faces,
            names_people=model.names_people,
            begins=begins,
            group=group,
        )


def shows_people(model: LoadedModel) -> bool:
    """Whether faces are what the task looks at: it names them, or its bundle brings the network that finds them."""
    manifest = model.manifest
    digests = {manifest.files[network.file].sha256 for network in manifest.networks.values()}
    return model.names_people or FACE_DETECTOR.sha256 in digests


def _has_tensor(item: Input | None) -> bool:
    items = item.items if isinstance(item, InputSequence) else (item,)
    return any(isinstance(one, TensorInput) for one in items)


def forget_kept(settings: ServingSettings) -> None:
    """Deletes what was ever kept and not sent. Raises Unavailable where that can't be done."""
    # Another process of the device may be at it.
    with _usable_folder(), suppress(FileNotFoundError):
        shutil.rmtree(_folder_of(settings))


def _folder_of(settings: ServingSettings) -> Path:
    return settings.cache_dir.expanduser() / "capture"


@contextmanager
def _usable_folder() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"the folder of kept inputs can't be used: {error.strerror}; name another cache_dir, or repair it"
        ) from error


def keeping_of(
    settings: ServingSettings,
    source: RegistrySource,
    metrics: Metrics,
    memory: Budget,
    ask_other: AskOther | None = None,
) -> Keeping | None:
    """None where the settings say that nothing is ever kept; what was kept before is then deleted.

    ask_other: as of `Capture`; None: no model runs beside. Calls go over the source's connection.
    Raises Unavailable for a folder that can't be used.
    """
    if settings.capture == "never":
        forget_kept(settings)
        return None
    client = ExampleClient(settings.registry, timeout=_TIMEOUT, channel=source.client.channel)
    folder, most_bytes, networks = _folder_of(settings), settings.capture_quota_mib * MEBIBYTE, settings.face_networks
    with _usable_folder():
        capture = Capture(folder, source.tasks, settings.device_id, most_bytes, client, metrics, memory, networks)
    if ask_other is not None:
        capture.ask_other = ask_other
    return Keeping(capture)
