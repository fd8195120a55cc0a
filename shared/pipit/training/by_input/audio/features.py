"""Log-mel of clips and their varied copies, computed once and kept by the digest of what they are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from pipit.errors import InputTooLarge, InvalidInput
from pipit.inputs import EncodedAudio, PcmAudio
from pipit.inputs.audio import cut_windows, decode_audio, resample
from pipit.pipelines.audio_windows import AudioWindows, FrontEnd
from pipit.training.by_input.audio.augmentation import vary
from pipit.training.by_input.audio.clips import Clip
from pipit.training.by_input.audio.settings import Augmentation
from pipit.training.cache import ArrayCache
from pipit.training.progress import Progress

DEVICE_ENDINGS = (".wav", ".flac", ".ogg", ".mp3")
FORMAT = 3
"""Of what is kept; counts up when the code that makes features changes."""


def read_clip(path: Path) -> tuple[NDArray[np.float32], int]:
    """Mono float32 and its rate in Hz, decoded as the device decodes. Raises InvalidInput, InputTooLarge."""
    if path.suffix.lower() in DEVICE_ENDINGS:
        samples, rate = decode_audio(EncodedAudio(path.read_bytes()))
    else:
        try:
            values, rate = soundfile.read(path, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise InvalidInput(f"not audio that can be read: {error.error_string}") from error
        samples, rate = decode_audio(PcmAudio(values, rate))
    if not samples.any():
        raise InvalidInput("nothing but silence; record it anew")
    return samples, rate


class FeatureMaker:
    """Makes the features of clips, and keeps them."""

    def __init__(
        self, front_end: FrontEnd, augmentation: Augmentation, seed: int, cache: ArrayCache, workers: int
    ) -> None:
        self._front_end = front_end
        self._augmentation = augmentation
        self._seed = seed
        self._cache = cache
        self._workers = workers
        self._heard = AudioWindows(front_end)

    def make(
        self, clips: Sequence[Clip], digests: Mapping[str, str], copies: int, progress: Progress, title: str
    ) -> tuple[dict[str, NDArray[np.float32]], list[str]]:
        """Features by clip name, (1 + copies, bands, frames, 1), and a line for each clip that can't be used.

        digests: SHA-256 of each clip's file, by name.
        """
        made: dict[str, NDArray[np.float32]] = {}
        problems: list[str] = []
        with progress.track(title, len(clips)) as bar, ThreadPoolExecutor(self._workers) as pool:
            for clip, rows in zip(clips, pool.map(self._tried(digests, copies), clips), strict=True):
                if isinstance(rows, str):
                    problems.append(f"{clip.path}: {rows}")
                else:
                    made[clip.name] = rows
                bar.advance()
        return made, problems

    def _tried(self, digests: Mapping[str, str], copies: int) -> Callable[[Clip], NDArray[np.float32] | str]:
        def tried(clip: Clip) -> NDArray[np.float32] | str:
            try:
                return self._rows(clip, digests[clip.name], copies)
            except (InvalidInput, InputTooLarge, OSError) as error:
                return str(error)

        return tried

    def _rows(self, clip: Clip, digest: str, copies: int) -> NDArray[np.float32]:
        def compute() -> NDArray[np.float32]:
            samples, rate = read_clip(clip.path)
            return self._compute(resample(samples, rate, self._front_end.log_mel.sample_rate), digest, copies)

        return self._cache.get(self._key(digest, copies), compute)

    def _compute(self, samples: NDArray[np.float32], digest: str, copies: int) -> NDArray[np.float32]:
        front_end = self._front_end
        rate = front_end.log_mel.sample_rate
        windows, _ = cut_windows(samples, rate, front_end.window_seconds, front_end.hop_seconds)
        # Each clip's variations follow from its content and the seed, whatever the order or the threads.
        generator = np.random.default_rng([self._seed, *bytes.fromhex(digest[:16])])
        varied = [vary(samples, rate, front_end.samples, self._augmentation, generator) for _ in range(copies)]
        return self._heard.log_mel(np.stack([windows[0], *varied]))

    def _key(self, digest: str, copies: int) -> dict[str, Any]:
        key: dict[str, Any] = {
            "features": FORMAT,
            "sound": digest,
            "front_end": asdict(self._front_end),
            "log_mel": asdict(self._front_end.log_mel),
            "copies": copies,
        }
        if copies:
            key |= {"augmentation": self._augmentation.model_dump(mode="json"), "seed": self._seed}
        return key
