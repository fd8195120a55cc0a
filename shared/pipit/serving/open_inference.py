"""The Open Inference Protocol v2, `inference.GRPCInferenceService`: bare tensors to the network of a task.

A model's name is its task, a version that of its bundle. https://github.com/kserve/open-inference-protocol
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

import grpc

from pipit._pb.open_inference.v2 import open_inference_pb2 as pb
from pipit._pb.open_inference.v2 import open_inference_pb2_grpc
from pipit.errors import InvalidInput
from pipit.serving.data_plane import DataPlane
from pipit.serving.inference_servicer import deadline_of
from pipit.serving.model import LoadedModel
from pipit.serving.open_inference_codec import (
    classes_of,
    metadata_from_spec,
    response_from_tensors,
    tensors_from_request,
)
from pipit.serving.types import ModelState, Selector

_EXTENSIONS = ("classification", "model_repository")
_STATES = {ModelState.LOADING: "LOADING", ModelState.SERVING: "READY", ModelState.NOT_SERVING: "UNAVAILABLE"}


class OpenInferenceServicer(open_inference_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]  # generated code has no types
    """The protocol's calls, RepositoryIndex of its model_repository extension, and outputs as classes."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane

    def ServerLive(  # noqa: N802 (gRPC's name)
        self, request: pb.ServerLiveRequest, context: grpc.ServicerContext
    ) -> pb.ServerLiveResponse:
        """Whether the process answers at all."""
        return pb.ServerLiveResponse(live=True)

    def ServerReady(  # noqa: N802
        self, request: pb.ServerReadyRequest, context: grpc.ServicerContext
    ) -> pb.ServerReadyResponse:
        """Whether every task answers."""
        return pb.ServerReadyResponse(ready=self._plane.is_ready)

    def ModelReady(  # noqa: N802
        self, request: pb.ModelReadyRequest, context: grpc.ServicerContext
    ) -> pb.ModelReadyResponse:
        """Whether one task answers, with that version if one is named."""
        _check_name(request.name)
        identity = self._plane.host(Selector(request.name)).status().identity
        ready = identity is not None and request.version in {"", identity.version} and not self._plane.is_draining
        return pb.ModelReadyResponse(ready=ready)

    def ServerMetadata(  # noqa: N802
        self, request: pb.ServerMetadataRequest, context: grpc.ServicerContext
    ) -> pb.ServerMetadataResponse:
        """Name, version, extensions."""
        return pb.ServerMetadataResponse(name="pipit", version=version("pipit-shared"), extensions=_EXTENSIONS)

    def ModelMetadata(  # noqa: N802
        self, request: pb.ModelMetadataRequest, context: grpc.ServicerContext
    ) -> pb.ModelMetadataResponse:
        """Inputs and outputs of a task's network."""
        model = self._lease(request.name, request.version)
        try:
            return pb.ModelMetadataResponse(
                name=model.identity.task,
                versions=[model.identity.version],
                platform=f"pipit_{model.manifest.variant(model.identity.variant).runtime}",
                inputs=[metadata_from_spec(spec) for spec in model.runtime.inputs],
                outputs=[metadata_from_spec(spec) for spec in model.runtime.outputs],
            )
        finally:
            model.release()

    def _lease(self, name: str, wanted_version: str) -> LoadedModel:
        _check_name(name)
        return self._plane.host(Selector(name)).lease(wanted_version)

    def ModelInfer(  # noqa: N802
        self, request: pb.ModelInferRequest, context: grpc.ServicerContext
    ) -> pb.ModelInferResponse:
        """Runs a task's network."""
        try:
            _check_name(request.model_name)
            tensors = tensors_from_request(request)
        except Exception as error:
            self._plane.count_failure(request.model_name, error)
            raise
        outputs, identity = self._plane.infer(
            tensors,
            Selector(request.model_name, request.model_version),
            deadline_of(context),
            context.is_active,
        )
        labels: Sequence[str] = ()
        if any(classes_of(output) for output in request.outputs):
            status = self._plane.host(Selector(request.model_name)).status()
            # Another version may serve by now, and its labels be others.
            labels = status.labels if status.identity == identity else ()
        return response_from_tensors(request, identity.version, outputs, labels)

    def RepositoryIndex(  # noqa: N802
        self, request: pb.RepositoryIndexRequest, context: grpc.ServicerContext
    ) -> pb.RepositoryIndexResponse:
        """Lists the tasks of this server that the caller may ask."""
        response = pb.RepositoryIndexResponse()
        for task, host in sorted(self._plane.shown.items()):
            status = host.status()
            if status.identity is not None or not request.ready:
                served = "" if status.identity is None else status.identity.version
                response.models.add(name=task, version=served, state=_STATES[status.state], reason=status.reason)
        return response


def _check_name(name: str) -> None:
    if not name:
        raise InvalidInput("name a model; RepositoryIndex lists them")
