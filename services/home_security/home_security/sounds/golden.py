"""Golden inputs: sounds a program made, so that no bundle carries somebody's recording.

They prove the device's arithmetic, all of it: file format, resampling, log-mel, network. What they are labelled as
matters as little as what they sound like.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import soundfile
from pipit.inputs import EncodedAudio, Input, PcmAudio

from home_security.sounds.synthetic import RATE, VOICES, synthesise


def golden_inputs(count: int, seed: int) -> Sequence[Input]:
    """`count` clips of 5 s, in turn FLAC, 16-bit WAV and float PCM. The same seed gives the same bytes."""
    inputs: list[Input] = []
    categories = sorted(VOICES)
    for number in range(count):
        samples = synthesise(categories[number % len(categories)], recording=1_000 + number, take=0, seed=seed)
        if number % 3 == 2:
            inputs.append(PcmAudio(samples[:, None].astype("float32"), RATE))
            continue
        buffer = io.BytesIO()
        soundfile.write(buffer, samples, RATE, format="FLAC" if number % 3 == 0 else "WAV", subtype="PCM_16")
        inputs.append(EncodedAudio(buffer.getvalue()))
    return inputs
