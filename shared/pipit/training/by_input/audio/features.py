"""Log-mel of clips and their varied copies, computed once and kept by the digest of what they are made of."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipit.errors import InputTooLarge, InvalidInput
from pipit.files import sha256_bytes
from pipit.inputs import EncodedAudio
from pipit.inputs.audio import cut_windows, decode_audio, resample
from pipit.inputs.audio.files import read_part
from pipit.pipelines.audio_windows import AudioWindows, FrontEnd
from pipit.training.by_input.audio.augmentation import vary
from pipit.training.by_input.audio.clips import Clip
from pipit.training.by_input.audio.quiet import quiet_sounds
from pipit.training.by_input.audio.settings import Augmentation
from pipit.training.cache import ArrayCache
from pipit.training.progress import Progress

Hear = Callable[[NDArray[np.float32]], NDArray[np.float32]]
DEVICE_ENDINGS = (".wav", ".flac", ".ogg", ".mp3")
FORMAT = 4
"""Of what is kept; counts up when the code that makes features changes."""
MOST_BACKGROUNDS = 100
"""Pieces that are held in memory to put clips into: 32 MB at 16 kHz and five seconds."""


def read_clip(path: Path, start: float = 0.0, end: float | None = None) -> tuple[NDArray[np.float32], int]:
    """Mono float32 and its rate in Hz, decoded as the device decodes. Raises InvalidInput, InputTooLarge.

    start, end: of a piece of a long recording, in seconds. A piece may be silent, a whole clip may not.
    """
    if end is None and path.suffix.lower() in DEVICE_ENDINGS:
        samples, rate = decode_audio(EncodedAudio(path.read_bytes()))
    else:
        samples, rate = decode_audio(read_part(path, start, end))
    if end is None and not samples.any():
        raise InvalidInput("nothing but silence; record it anew")
    return samples, rate


class FeatureMaker:
    """Makes the features of clips, and keeps them."""

    def __init__(
        self,
        front_end: FrontEnd,
        augmentation: Augmentation,
        seed: int,
        cache: ArrayCache,
        workers: int,
        hear: Hear | None = None,
        heard_as: Mapping[str, Any] | None = None,
    ) -> None:
        """hear: from windows, (windows, samples), to rows of the network's input; where not given, their log-mel.

        heard_as: everything that `hear` depends on, of JSON's types.
        """
        self._front_end = front_end
        self._augmentation = augmentation
        self._seed = seed
        self._cache = cache
        self._workers = workers
        self._hear = hear or AudioWindows(front_end).log_mel
        self._heard_as = heard_as

    def make(
        self,
        clips: Sequence[Clip],
        digests: Mapping[str, str],
        copies: int,
        progress: Progress,
        title: str,
        backgrounds: Sequence[Clip] = (),
    ) -> tuple[dict[str, NDArray[np.float32]], list[str]]:
        """Features by clip name, (1 + copies, bands, frames, 1), and a line for each clip that can't be used.

        digests: SHA-256 of each file, by name. backgrounds: what copies may be put into.
        """
        made: dict[str, NDArray[np.float32]] = {}
        problems: list[str] = []
        behind = _Behind(self._samples, backgrounds if copies else (), digests, self._seed)
        with progress.track(title, len(clips)) as bar, ThreadPoolExecutor(self._workers) as pool:
            for clip, rows in zip(clips, pool.map(self._tried(digests, copies, behind), clips), strict=True):
                if isinstance(rows, str):
                    problems.append(f"{clip.path}: {rows}")
                else:
                    made[clip.name] = rows
                bar.advance()
        return made, problems

    def quiet(self, count: int, copies: int, seed: Sequence[int]) -> NDArray[np.float32]:
        """Sounds without an event, (count, 1 + copies, bands, frames, 1); see `pipit.training.by_input.audio.quiet`."""
        rate, window = self._front_end.log_mel.sample_rate, self._front_end.samples
        sounds = quiet_sounds(count * (1 + copies), rate, window, np.random.default_rng(seed))
        rows = np.concatenate([self._hear(sound[np.newaxis]) for sound in sounds])
        return rows.reshape(count, 1 + copies, *rows.shape[1:])

    def _tried(
        self, digests: Mapping[str, str], copies: int, behind: _Behind
    ) -> Callable[[Clip], NDArray[np.float32] | str]:
        def tried(clip: Clip) -> NDArray[np.float32] | str:
            try:
                return self._rows(clip, digests[clip.file], copies, behind)
            except (InvalidInput, InputTooLarge, OSError) as error:
                return str(error)

        return tried

    def _rows(self, clip: Clip, digest: str, copies: int, behind: _Behind) -> NDArray[np.float32]:
        def compute() -> NDArray[np.float32]:
            return self._compute(clip, digest, copies, behind)

        return self._cache.get(self._key(clip, digest, copies, behind), compute)

    def _samples(self, clip: Clip) -> NDArray[np.float32]:
        samples, rate = read_clip(clip.path, clip.start, clip.end)
        return resample(samples, rate, self._front_end.log_mel.sample_rate)

    def _compute(self, clip: Clip, digest: str, copies: int, behind: _Behind) -> NDArray[np.float32]:
        front_end, samples = self._front_end, self._samples(clip)
        rate = front_end.log_mel.sample_rate
        windows, _ = cut_windows(samples, rate, front_end.window_seconds, front_end.hop_seconds)
        # Each clip's variations follow from its content and the seed, whatever the order or the threads.
        generator = np.random.default_rng([self._seed, *bytes.fromhex(digest[:16]), int(clip.start)])
        varied = [
            vary(samples, rate, front_end.samples, self._augmentation, generator, behind.sounds) for _ in range(copies)
        ]
        return self._hear(np.stack([windows[0], *varied]))

    def _key(self, clip: Clip, digest: str, copies: int, behind: _Behind) -> dict[str, Any]:
        key: dict[str, Any] = {
            "features": FORMAT,
            "sound": digest,
            "front_end": asdict(self._front_end),
            "log_mel": asdict(self._front_end.log_mel),
            "copies": copies,
        }
        if self._heard_as is not None:
            key["heard_as"] = dict(self._heard_as)
        if clip.end is not None:
            key |= {"start": clip.start, "end": clip.end}
        if copies:
            settings = self._augmentation.model_dump(mode="json", exclude={"quiet"})
            key |= {"augmentation": settings, "seed": self._seed, "backgrounds": behind.digest}
        return key


class _Behind:
    """Pieces of background, read when the first of them is needed: what is kept needs none."""

    def __init__(
        self,
        read: Callable[[Clip], NDArray[np.float32]],
        clips: Sequence[Clip],
        digests: Mapping[str, str],
        seed: int,
    ) -> None:
        ordered = sorted(clips, key=lambda clip: clip.name)
        order = np.random.default_rng(seed).permutation(len(ordered))[:MOST_BACKGROUNDS]
        self._clips = [ordered[i] for i in order]
        self._read = read
        self._lock = Lock()
        self._sounds: list[NDArray[np.float32]] | None = None
        self.digest = sha256_bytes(json.dumps([(clip.name, digests[clip.file]) for clip in self._clips]).encode())

    @property
    def sounds(self) -> Sequence[NDArray[np.float32]]:
        """At the front end's rate. Raises InvalidInput."""
        with self._lock:
            if self._sounds is None:
                self._sounds = [self._read(clip) for clip in self._clips]
            return self._sounds
