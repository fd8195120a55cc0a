"""LitServe as its documentation has it: two workers, each a process with the network, fed by its fast queue.

One API for the three calls, so that there are two interpreters and no more: the first byte says which call it is.
Bodies are bytes as they come; base64 in JSON would cost more than the network.
"""

import sys
from typing import Annotated, Any

import litserve
from fastapi import Body
from work import Work, work_of_this_process

CALLS = {ord("t"): "tensor", ord("c"): "clip", ord("e"): "empty"}


class Sounds(litserve.LitAPI):  # type: ignore[misc]
    """Runs in each worker."""

    work: Work

    def setup(self, device: str) -> None:
        """Loads the network."""
        self.work = work_of_this_process(1)

    def decode_request(self, request: Annotated[bytes, Body(media_type="application/octet-stream")]) -> bytes:
        """As it came."""
        return request

    def predict(self, request: bytes) -> Any:
        """Logits, scores, or nothing."""
        match CALLS[request[0]]:
            case "tensor":
                return self.work.tensor(request[1:]).tolist()
            case "clip":
                return self.work.clip(request[1:])
        return None

    def encode_response(self, output: Any) -> Any:
        """JSON."""
        return output


if __name__ == "__main__":
    server = litserve.LitServer(Sounds(), accelerator="cpu", devices=1, workers_per_device=2, fast_queue=True)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", generate_client_file=False)
