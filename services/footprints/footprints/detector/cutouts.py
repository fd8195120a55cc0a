"""Where in a photograph a print, a thing or bare ground is most likely, without anybody's boxes.

A print is a patch whose brightness changes much more, at the scale of toes and pads, than the ground around it, while
its colour stays the ground's: mud is mud. What differs in colour too is a thing: a ruler, a hand, a leaf. Bare ground
is the largest square where nothing stands out.

    brightness -> changes between two scales -> energy -> patches of high energy -> print | thing | neither

The rule is strict rather than complete: it takes a part of the photographs, and not every patch is a print.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pipit.types import Box
from scipy import ndimage

SHORTER_SIDE = 200
"""Pixels that photographs are scaled to before they are searched; every length below is of such a picture."""
FINE, COARSE = 1.5, 12.0
"""Standard deviations, pixels: what lies between them are toes and pads."""
SPREAD = 9.0
"""Of the energy, pixels: joins the toes of one print."""
LEAST_ENERGY = 3.2
"""Of a patch, in medians of the photograph."""
BARE = 1.4
"""Most energy of bare ground, in medians of the photograph."""
LEAST_SIDE, MOST_SIDE = 34, 150
EDGE = 6
"""A patch has to stay so far from the photograph's edge: else part of it may be missing."""
LEAST_FILL = 0.5
"""Share of its box that a patch fills."""
MOST_ELONGATION = 2.2
LIKE_THE_LARGEST = 0.5
"""Share of the largest print's area that another one of the photograph has to have: else it may be a part of one."""
SAME_COLOUR, OTHER_COLOUR = 7.0, 20.0
"""Distance of chromaticity, in 1/255, between a patch and its surroundings: up to the first a print, from the second on
a thing."""
SHADOW = 0.6
"""Of the brightness around; what is darker is taken for a shadow."""
LEAST_THING = 250
"""Pixels of a thing."""
GROUND_SIDE = 72
"""Least side of bare ground."""

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Cutout:
    """A patch of a photograph. mask: shape of `box`, True where it stands out."""

    box: Box
    mask: Mask


@dataclass(frozen=True, slots=True)
class Found:
    """What one photograph offers. ground: a square, None where nothing is bare."""

    prints: tuple[Cutout, ...]
    things: tuple[Cutout, ...]
    ground: Box | None


def search(pixels: Pixels) -> Found:
    """pixels: RGB, uint8, (height, width, 3), shorter side `SHORTER_SIDE`."""
    brightness, colours = _channels(pixels)
    energy = _energy(brightness)
    typical = float(np.median(energy)) + 1e-6
    high = energy > LEAST_ENERGY * typical
    patches, count = ndimage.label(high)
    prints, things = [], []
    for number, place in enumerate(ndimage.find_objects(patches, count), 1):
        mask = patches[place] == number
        top, left = place[0].start, place[1].start
        height, width = mask.shape
        box = Box(float(left), float(top), float(width), float(height))
        if not _has_shape_of_print(box, mask, pixels.shape):
            continue
        away = _colour_distance(colours, brightness, patches == number)[place]
        # The part that differs most counts: a ruler is white and black, on average grey.
        distance = float(np.quantile(away[mask], 0.9))
        if distance <= SAME_COLOUR:
            prints.append(Cutout(box, mask))
        elif distance >= OTHER_COLOUR:
            thing = ndimage.binary_fill_holes(ndimage.binary_closing(mask & (away > OTHER_COLOUR / 2), iterations=3))
            if thing.sum() >= LEAST_THING:
                things.append(Cutout(box, thing))
    largest = max((cutout.mask.size for cutout in prints), default=0)
    prints = [cutout for cutout in prints if cutout.mask.size >= LIKE_THE_LARGEST * largest]
    return Found(tuple(prints), tuple(things), _ground(energy > BARE * typical, colours))


def _channels(pixels: Pixels) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Brightness, and chromaticity: the shares of red and blue, which a shadow leaves as they are."""
    red, green, blue = (ndimage.gaussian_filter(pixels[..., i].astype(np.float32), 1.0) for i in range(3))
    total = red + green + blue + 30.0
    colours = np.stack([red / total, blue / total]) * 255
    return pixels.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32), ndimage.gaussian_filter(
        colours, (0, 1, 1)
    )


def _energy(brightness: NDArray[np.float32]) -> NDArray[np.float32]:
    band = ndimage.gaussian_filter(brightness, FINE) - ndimage.gaussian_filter(brightness, COARSE)
    energy: NDArray[np.float32] = ndimage.gaussian_filter(band * band, SPREAD)
    return energy


def _has_shape_of_print(box: Box, mask: Mask, shape: tuple[int, ...]) -> bool:
    height, width = shape[:2]
    longer, shorter = max(box.width, box.height), min(box.width, box.height)
    inside = (
        box.left >= EDGE
        and box.top >= EDGE
        and box.left + box.width <= width - EDGE
        and box.top + box.height <= height - EDGE
    )
    return (
        inside
        and shorter >= LEAST_SIDE
        and longer <= MOST_SIDE
        and longer <= MOST_ELONGATION * shorter
        and float(mask.mean()) >= LEAST_FILL
    )


def _colour_distance(colours: NDArray[np.float32], brightness: NDArray[np.float32], patch: Mask) -> NDArray[np.float32]:
    """Of every pixel, to the middle colour around the patch; 0 where it is dark, for a deep shadow has no colour."""
    around = ndimage.binary_dilation(patch, iterations=14) & ~ndimage.binary_dilation(patch, iterations=3)
    middle = np.median(colours[:, around], axis=1)[:, np.newaxis, np.newaxis]
    lit = brightness > SHADOW * np.median(brightness[around])
    distance: NDArray[np.float32] = np.hypot(*(colours - middle)) * lit
    return distance


def _ground(busy: Mask, colours: NDArray[np.float32]) -> Box | None:
    """The largest square without anything, by dynamic programming over its lower right corner."""
    middle = np.median(colours.reshape(2, -1), axis=1)[:, np.newaxis, np.newaxis]
    free = ~(busy | (np.hypot(*(colours - middle)) > SAME_COLOUR))
    free[:2], free[-2:], free[:, :2], free[:, -2:] = False, False, False, False
    # Distance to the nearest that is not free, by the larger of both axes: half the side of the square about a pixel.
    reach = ndimage.distance_transform_cdt(free, metric="chessboard")
    row, column = np.unravel_index(int(reach.argmax()), reach.shape)
    half = int(reach[row, column]) - 1
    side = 2 * half + 1
    return None if side < GROUND_SIDE else Box(float(column - half), float(row - half), float(side), float(side))
