"""A window as YAMNet hears it: patches of 0.96 s, brought to one level, and none that holds next to nothing.

    window       . . . . . b a r k . . . . . . . . . . .        mel magnitudes, (bands, frames)
    patches      |  1  ||  2  ||  3  ||  4  ||  5  ||  6  |      evenly spread over the window
    mean         0.00    0.01   1.70   0.90   0.01   0.00
    level        all are multiplied by 1 / 1.70: the loudest patch has a mean of 1
    votes                         x      x                       patches with a tenth of that or more
    given        |  3  ||  4  ||  3  ||  4  ||  3  ||  4  |

A network takes the mean over its patches. Recordings of short events are mostly silence: were it to vote, a network
would learn silence in place of the event, hear an event in every silence, and miss it between others. Since silence has
no place among the patches, neither has the floor of the logarithm, which no range of 8 bits fits together with sound.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipit.errors import InvalidInput

Spectrograms = NDArray[np.float32]

PATCH_FRAMES = 96
"""Of 10 ms: what YAMNet hears at a time."""
LEVEL = 1.0
"""Mean magnitude that the loudest patch of a window is brought to; about that of white noise at -32 dBFS."""
LARGEST_GAIN = 100.0
"""40 dB: an event that is quieter by as much is heard; digital silence and a microphone's own noise stay quiet."""
LEAST_SHARE = 0.1
"""Of the loudest patch's mean magnitude: what a patch has to hold to vote."""


def patch_starts(frames: int) -> list[int]:
    """First frames of the fewest patches that hear the whole window, evenly spread. Raises InvalidInput."""
    if frames < PATCH_FRAMES:
        raise InvalidInput(f"YAMNet needs windows of at least 0.98 s; {frames} frames are too few")
    count = -(-frames // PATCH_FRAMES)
    return [round(index * (frames - PATCH_FRAMES) / max(1, count - 1)) for index in range(count)]


def level_patches(magnitudes: Spectrograms, floor: float) -> Spectrograms:
    """(windows, bands, frames) to (windows, bands, patches * 96): ln(gain * magnitude + floor) of patches side by side.

    Where patches fall silent, those that vote stand in for them in turn, so that the mean over all is the mean over
    those. Of a window without any sound, every patch is at the floor. Raises InvalidInput for too few frames.
    """
    starts = patch_starts(magnitudes.shape[-1])
    levels = np.stack([magnitudes[..., start : start + PATCH_FRAMES].mean(axis=(1, 2)) for start in starts], axis=1)
    heard = np.empty((*magnitudes.shape[:-1], len(starts), PATCH_FRAMES), np.float32)
    for window, own, target in zip(magnitudes, levels, heard, strict=True):
        loudest = own.max()
        gain = min(LEVEL / loudest, LARGEST_GAIN) if loudest else 1.0
        voting = np.flatnonzero(own >= LEAST_SHARE * loudest).tolist()
        for place in range(len(starts)):
            start = starts[place if place in voting else voting[place % len(voting)]]
            target[:, place] = np.log(window[:, start : start + PATCH_FRAMES] * np.float32(gain) + np.float32(floor))
    return heard.reshape(*magnitudes.shape[:-1], -1)
