"""Log-mel of 5 s at 22,050 Hz: Pipit's, in numpy alone, against librosa's, on the same clips in turn.

    python tests/load/bench_log_mel.py [rounds]

Real clips of ESC-50 where PIPIT_DATA is set, noise otherwise. Both with the threads that BLAS takes by itself, as on a
device, and with one thread.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import version
from itertools import cycle

import librosa
import numpy as np
from measure import milliseconds, side_by_side, write_csv
from numpy.typing import NDArray
from pipit.inputs import EncodedAudio
from pipit.inputs.audio import LIBROSA_22K, LogMel, cut_windows, decode_audio
from pipit.settings import DataSettings, load_settings
from threadpoolctl import threadpool_limits

CLIPS = 64
ROUNDS = 1_000


def clips() -> tuple[str, NDArray[np.float32]]:
    """What they are, and (CLIPS, 110250) samples."""
    folder = load_settings(DataSettings).data
    if folder is None:
        return "noise", np.random.default_rng(0).normal(0, 0.1, (CLIPS, 110_250)).astype(np.float32)
    files = sorted((folder / "esc50" / "audio").glob("*.ogg"))
    windows = [
        cut_windows(*decode_audio(EncodedAudio(file.read_bytes())), 5.0, 5.0)[0][0]
        for file in files[:: len(files) // CLIPS][:CLIPS]
    ]
    return "ESC-50", np.stack(windows)


def by_librosa(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The reference: (samples,) to (128, frames)."""
    power = librosa.feature.melspectrogram(y=samples, sr=22_050, n_fft=2_048, hop_length=512, n_mels=128)
    decibels: NDArray[np.float32] = librosa.power_to_db(power, ref=np.max)
    return decibels


def main() -> None:
    """Prints and writes `docs/measured/log_mel.csv`."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    log_mel = LogMel(LIBROSA_22K)
    source, samples = clips()
    difference = max(float(np.abs(log_mel(clip) - by_librosa(clip)).max()) for clip in samples)
    rows: list[dict[str, object]] = []
    for threads in ("default", 1):
        with threadpool_limits(None if threads == "default" else threads):
            seconds = side_by_side({"pipit": over(log_mel, samples), "librosa": over(by_librosa, samples)}, rounds)
        ratio = np.median(seconds["librosa"]) / np.median(seconds["pipit"])
        for name, values in seconds.items():
            rows.append(
                {
                    "implementation": name,
                    "version": f"librosa {version('librosa')}, scipy {version('scipy')}"
                    if name == "librosa"
                    else f"numpy {version('numpy')}",
                    "blas_threads": threads,
                    "clips": f"{len(samples)} of {source}, 5 s",
                    "calls": rounds,
                    "median_ms": milliseconds(values, 50),
                    "p95_ms": milliseconds(values, 95),
                    "times_faster_than_librosa": round(ratio, 2) if name == "pipit" else 1.0,
                    "largest_difference_db": f"{difference:.1e}" if name == "pipit" else 0.0,
                }
            )
    write_csv("log_mel", rows)


def over(function: Callable[[NDArray[np.float32]], object], samples: NDArray[np.float32]) -> Callable[[], object]:
    """A call without arguments that takes the next clip each time."""
    turn = cycle(samples)
    return lambda: function(next(turn))


if __name__ == "__main__":
    main()
