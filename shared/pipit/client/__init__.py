"""The client of an inference server, for programs, for the command line and for tests. See `docs/client.md`.

    from pipit.client import Client

    with Client("pi.local:50051") as client:
        print(client.classify("door.wav").detected)

Client ─┬─ inputs    a path, bytes, a picture, an array  ->  what may be sent (`pipit.inputs`)
        ├─ codec     that to and from messages; proto types stop there
        └─ stream    one ClassifyStream call
FacesClient         who is known to a task that names faces. See `docs/faces.md`.
"""

from pipit.client.client import Client
from pipit.client.faces import FacesClient
from pipit.client.inputs import Item
from pipit.client.stream import Stream
from pipit.client.types import Answer, Refusal, Verdict
from pipit.inputs import EncodedAudio, EncodedImage, InputSequence, Landmarks, PcmAudio, TensorInput
from pipit.inputs.frame import Frame

__all__ = [
    "Answer",
    "Client",
    "EncodedAudio",
    "EncodedImage",
    "FacesClient",
    "Frame",
    "InputSequence",
    "Item",
    "Landmarks",
    "PcmAudio",
    "Refusal",
    "Stream",
    "TensorInput",
    "Verdict",
]
