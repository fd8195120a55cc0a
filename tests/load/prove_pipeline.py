"""The pipeline of bundles that fail in a way of their own; servers find it as an installed package.

An input is landmarks: a number from 0 to 1, by which an input is chosen to fail, and three features. A golden input's
number is 1, so that no fault meets it but arithmetic that is wrong on one board.
"""

from __future__ import annotations

import os
import time
from itertools import count

import numpy as np
from pipit.answers import predict
from pipit.bundle import Manifest
from pipit.errors import InvalidInput
from pipit.inputs import Input, Landmarks
from pipit.types import Decoded, Prediction, Tensors

BOARD = "PROVE_BOARD"
"""The variable that says what kind of board a server process stands for."""
EXIT_CODE = 70


class FaultyPipeline:
    """Faults are parameters of the bundle:

    raises    share of inputs that it raises on
    slow      share of inputs that it waits for, `seconds` long
    dies      share of inputs that end the process
    dies_at   which input ends the process, counted from 1
    wrong_on  the board on which scores are others
    """

    def __init__(self, manifest: Manifest) -> None:
        self._labels, self._decision = manifest.labels, manifest.decision
        self._faults = manifest.pipeline.parameters
        self._inputs = count(1)
        self._wrong = self._faults.get("wrong_on", "") == os.environ.get(BOARD)

    def decode(self, item: Input) -> Decoded:
        """Three features."""
        if not isinstance(item, Landmarks) or len(item.values) != 4:
            raise InvalidInput("send four landmarks: the number that chooses, and three features")
        chosen, number = float(item.values[0]), next(self._inputs)
        if chosen < self._faults.get("dies", 0.0) or number == self._faults.get("dies_at"):
            os._exit(EXIT_CODE)
        if chosen < self._faults.get("raises", 0.0):
            raise RuntimeError("this input is one that this version can't take")
        if chosen < self._faults.get("slow", 0.0):
            time.sleep(self._faults["seconds"])
        return Decoded({"x": item.values[np.newaxis, 1:]}, (None,))

    def interpret(self, outputs: Tensors, decoded: Decoded) -> list[Prediction]:
        """One prediction."""
        scores = outputs["scores"][0]
        if self._wrong:
            scores = scores[::-1]
        return [predict(scores, self._labels, self._decision, None)]

    def open_stream(self) -> None:
        """No streams."""
