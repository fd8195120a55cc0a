"""KServe's model server as its documentation has it: a custom model, asked over gRPC, blocking work in threads.

The name of the input says which of the three calls it is.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import kserve
import numpy as np
from work import work_of_this_process


class Sounds(kserve.Model):  # type: ignore[misc]
    """Two threads, two interpreters."""

    def __init__(self) -> None:
        super().__init__("sounds")
        self.work = work_of_this_process(2)
        self.pool = ThreadPoolExecutor(2)
        self.ready = True

    async def predict(
        self,
        payload: kserve.InferRequest,
        headers: dict[str, str] | None = None,
        response_headers: dict[str, str] | None = None,
    ) -> kserve.InferResponse:
        """Logits, scores with their labels, or nothing."""
        outputs: list[kserve.InferOutput] = []
        if payload.inputs:
            outputs = await asyncio.get_running_loop().run_in_executor(self.pool, self._answer, payload.inputs[0])
        return kserve.InferResponse(payload.id, self.name, outputs)

    def _answer(self, content: kserve.InferInput) -> list[kserve.InferOutput]:
        if content.name == "log_mel":
            logits = self.work.tensor(content.as_numpy().tobytes())
            return [_output("logits", "FP32", logits[np.newaxis])]
        scores = self.work.clip(content.as_numpy()[0])
        return [
            _output("scores", "FP32", np.array([list(scores.values())], np.float32)),
            _output("labels", "BYTES", np.array([[label.encode() for label in scores]], object)),
        ]


def _output(name: str, datatype: str, values: np.ndarray) -> kserve.InferOutput:  # type: ignore[type-arg]
    output = kserve.InferOutput(name, list(values.shape), datatype)
    output.set_data_from_numpy(values, binary_data=True)
    return output


if __name__ == "__main__":
    kserve.ModelServer().start([Sounds()])
