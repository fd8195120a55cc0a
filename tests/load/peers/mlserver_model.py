"""MLServer as its documentation has it: a custom runtime in two parallel workers, asked over gRPC.

One model for the three calls, so that there are two interpreters and no more; the name of the input says which it is.
"""

from __future__ import annotations

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput
from work import Work, work_of_this_process


class Sounds(MLModel):  # type: ignore[misc]
    """Runs in each worker."""

    work: Work

    async def load(self) -> bool:
        """Loads the network."""
        self.work = work_of_this_process(1)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Logits, scores with their labels, or nothing."""
        outputs = [output for each in payload.inputs for output in self._answer(each.name, each)]
        return InferenceResponse(model_name=self.name, outputs=outputs)

    def _answer(self, name: str, content: object) -> list[ResponseOutput]:
        if name == "log_mel":
            values = NumpyCodec.decode_input(content).astype(np.float32)
            return [NumpyCodec.encode_output("logits", self.work.tensor(values.tobytes())[np.newaxis])]
        (wav,) = content.data.root  # type: ignore[attr-defined]
        scores = self.work.clip(wav)
        labels = [label.encode() for label in scores]
        return [
            NumpyCodec.encode_output("scores", np.array([list(scores.values())], np.float32)),
            ResponseOutput(name="labels", datatype="BYTES", shape=[1, len(labels)], data=labels),
        ]
