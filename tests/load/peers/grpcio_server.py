"""A bare grpcio server with a pool of threads, as grpcio's own examples have it: no queue, no deadlines, no metrics.

It takes the messages that Pipit takes, `Classify` and the Open Inference Protocol's `ModelInfer`.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from pipit._pb.open_inference.v2 import open_inference_pb2 as oip
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from work import work_of_this_process

THREADS = 10
"""What the examples of grpcio take."""


def main(port: int) -> None:
    """Until SIGTERM."""
    work = work_of_this_process(2)

    def infer(request: Any, context: grpc.ServicerContext) -> Any:
        logits = work.tensor(request.raw_input_contents[0])
        output = oip.ModelInferResponse.InferOutputTensor(name="logits", datatype="FP32", shape=[1, len(logits)])
        return oip.ModelInferResponse(
            model_name=request.model_name, outputs=[output], raw_output_contents=[logits.tobytes()]
        )

    def classify(request: Any, context: grpc.ServicerContext) -> Any:
        scores = [pb.LabelScore(label=label, score=score) for label, score in work.clip(request.input.audio).items()]
        return pb.ClassifyResponse(predictions=[pb.Prediction(scores=scores)])

    def method(call: Callable[..., Any], request: Any) -> grpc.RpcMethodHandler:
        return grpc.unary_unary_rpc_method_handler(call, request.FromString, lambda answer: answer.SerializeToString())

    server = grpc.server(ThreadPoolExecutor(THREADS))
    handlers = {
        "inference.GRPCInferenceService": {"ModelInfer": method(infer, oip.ModelInferRequest)},
        "pipit.inference.v1.InferenceService": {"Classify": method(classify, pb.ClassifyRequest)},
        "peers.Nothing": {"Nothing": grpc.unary_unary_rpc_method_handler(lambda request, context: b"")},
    }
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler(service, methods) for service, methods in handlers.items()]
    )
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    signal.sigwait({signal.SIGTERM})
    server.stop(1).wait()


if __name__ == "__main__":
    # Blocked before any thread begins, so that the signal waits for `sigwait`.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    main(int(sys.argv[1]))
