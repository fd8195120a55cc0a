"""Log-mel of 5 s at 22,050 Hz: Pipit's, in numpy alone, against librosa's, on the same clips in turn. And what comes
before it, the same clips from WAV files of 16 bits: Pipit's decoder against `soundfile.read`.

    python tests/load/bench_log_mel.py [rounds]

Real clips of ESC-50 where PIPIT_DATA is set, noise otherwise. Both with the threads that BLAS takes by itself, as on a
device, and with one thread; the processor's time counts those of all threads.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from itertools import cycle
from time import process_time
from typing import Any

import librosa
import numpy as np
import soundfile
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


def wav(samples: NDArray[np.float32]) -> bytes:
    """(samples,) as a file of 16 bits."""
    file = io.BytesIO()
    soundfile.write(file, samples, 22_050, format="WAV", subtype="PCM_16")
    return file.getvalue()


def by_soundfile(data: bytes) -> NDArray[np.float32]:
    """The reference: a whole file to (samples,)."""
    samples: NDArray[np.float32] = soundfile.read(io.BytesIO(data), dtype="float32")[0]
    return samples


def main() -> None:
    """Prints and writes `docs/measured/log_mel.csv`."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    log_mel = LogMel(LIBROSA_22K)
    source, samples = clips()
    files = [wav(clip) for clip in samples]
    difference = max(float(np.abs(log_mel(clip) - by_librosa(clip)).max()) for clip in samples)
    librosas, numpys = f"librosa {version('librosa')}, scipy {version('scipy')}", f"numpy {version('numpy')}"
    rows: list[dict[str, object]] = []
    for threads in ("default", 1):
        ways: dict[str, tuple[str, str, Callable[[], object]]] = {
            "log-mel": ("pipit", numpys, over(log_mel, samples)),
            "log-mel of librosa": ("librosa", librosas, over(by_librosa, samples)),
            "decode": ("pipit", numpys, over(lambda data: decode_audio(EncodedAudio(data)), files)),
            "decode by soundfile": ("soundfile", f"soundfile {version('soundfile')}", over(by_soundfile, files)),
        }
        with threadpool_limits(None if threads == "default" else threads):
            seconds = side_by_side({name: call for name, (_, _, call) in ways.items()}, rounds)
            processor = {name: cpu_seconds(call, rounds) for name, (_, _, call) in ways.items()}
        for name, reference in (("log-mel", "log-mel of librosa"), ("decode", "decode by soundfile")):
            for each in (name, reference):
                implementation, versions, _ = ways[each]
                rows.append(
                    {
                        "what": name,
                        "implementation": implementation,
                        "version": versions,
                        "blas_threads": threads,
                        "clips": f"{len(samples)} of {source}, 5 s",
                        "calls": rounds,
                        "median_ms": milliseconds(seconds[each], 50),
                        "p95_ms": milliseconds(seconds[each], 95),
                        "cpu_ms": round(processor[each] * 1e3, 3),
                        "times_faster": round(float(np.median(seconds[reference]) / np.median(seconds[each])), 2),
                        "largest_difference_db": f"{difference:.1e}" if each == "log-mel" else "",
                    }
                )
    write_csv("log_mel", rows)


def cpu_seconds(call: Callable[[], object], rounds: int) -> float:
    """Of the processor, in all threads, for one call."""
    begun = process_time()
    for _ in range(rounds):
        call()
    return (process_time() - begun) / rounds


def over(function: Callable[[Any], object], clips: Sequence[Any] | NDArray[np.float32]) -> Callable[[], object]:
    """A call without arguments that takes the next clip each time."""
    turn = cycle(clips)
    return lambda: function(next(turn))


if __name__ == "__main__":
    main()
