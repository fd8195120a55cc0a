"""The face service of a server without a gallery key. Needs nothing of what looks at pictures."""

from __future__ import annotations

from typing import NoReturn

import grpc

from pipit._pb.pipit.faces.v1 import faces_pb2_grpc
from pipit.errors import NotFound


class KeylessFaceServicer(faces_pb2_grpc.FaceServiceServicer):  # type: ignore[misc]  # generated code has no types
    """Says to every call what is missing."""

    def _refuse(self, request: object, context: grpc.ServicerContext) -> NoReturn:
        raise NotFound(
            "this server has no gallery key, so that nobody can be known here; make one with `pipit keys gallery "
            "FILE`, or copy the one of another device, set PIPIT_SERVING_GALLERY_KEY to it and start the server anew"
        )

    Enrol = Check = ListPeople = Forget = Export = _refuse
    ListUnknown = Name = Ignore = Exclude = Reembed = _refuse
