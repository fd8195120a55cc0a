"""The last act: the console beside the demo's registry and server, with clips that wait for a label."""

from __future__ import annotations

import hashlib
import random
import threading
import time
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pipit.capture.answered import Answered
from pipit.capture.chooser import Chooser, best_scores
from pipit.cli.demo.clips import Clip
from pipit.cli.demo.processes import Server, Servers, free_port
from pipit.client import Answer, Client
from pipit.errors import Unavailable
from pipit.examples.client import ExampleClient
from pipit.examples.ids import example_id
from pipit.examples.types import Consent, Example, Reason
from pipit.inputs import EncodedAudio
from pipit.inputs.suffixes import media_type_of

_PORT = 8080
_MOST_SCORES = 10
_WORDS = "recordings of the demo, which are public; given by whoever called pipit demo --console"
_AT_RANDOM = 0.2
"""Of the clips: they give the honest estimate, and are labelled without seeing what the model says."""
_POLL_SECONDS = 0.1
_ALIVE_SECONDS = 1.0


def bring_examples(registry: str, server: str, device: str, task: str, clips: Sequence[Clip]) -> int:
    """Keeps clips as the device would, with what its server says of them; gives how many. Once more does no harm.

    Where no consent stands yet, one is given that lets the device keep whatever it is sent.
    """
    with ExampleClient(registry) as examples, Client(server, task=task, top_k=_MOST_SCORES) as client:
        given = {consent.task: consent for consent in examples.list_consents(device)}
        consent = given.get(task) or examples.give_consent(
            Consent(device, task, _WORDS, low=0.0, high=1.0, rate=1.0, random_rate=_AT_RANDOM)
        )
        chooser = Chooser(consent, random.Random(0))
        kept = 0
        for clip in clips:
            content = clip.path.read_bytes()
            answer = client.classify(clip.path)
            reason = chooser.choose(best_scores(answer.predictions))
            if reason is not None:
                examples.upload(_example(device, task, clip.path, content, answer, reason), content)
                kept += 1
    return kept


def _example(device: str, task: str, path: Path, content: bytes, answer: Answer, reason: Reason) -> Example:
    taken_at = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
    answered = Answered(answer.model, EncodedAudio(content), answer.predictions, taken_at, len(content))
    return Example(
        id=example_id(taken_at, content),
        task=task,
        media_type=media_type_of(path.name),
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        reason=reason,
        device_id=device,
        taken_at=taken_at,
        version=answer.model.version,
        parts=answered.parts(),
        # The takes of one recording of ESC-50 stay together; a name without hyphens is a recording of its own.
        group="-".join(path.stem.split("-")[:2]),
        name=path.name,
    )


def start_console(
    servers: Servers, python: Path, state: Path, registry: str, addresses: Mapping[str, str], seconds: float
) -> tuple[Server, str]:
    """The process and its URL, once it answers. addresses: of the inference servers, by device.

    Raises Unavailable if it ends by itself, or does not answer within `seconds`.
    """
    port = free_port(_PORT)
    environment = {
        "PIPIT_CONSOLE_REGISTRY": registry,
        "PIPIT_CONSOLE_SERVERS": ",".join(addresses.values()),
        "PIPIT_CONSOLE_PORT": str(port),
        "PIPIT_CONSOLE_METRICS_PORT": "0",
        "PIPIT_CONSOLE_CACHE_DIR": str(state / "console"),
        "PIPIT_CONSOLE_LOG_FORMAT": "console",
        # The demo's own registry asks for neither, whatever others do.
        **dict.fromkeys(("PIPIT_CA", "PIPIT_CERTIFICATE", "PIPIT_KEY", "PIPIT_TOKEN"), ""),
    }
    server = servers.start("console", [str(python), "-m", "pipit_console"], environment)
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + seconds
    while not _answers(url):
        server.require_alive()
        if time.monotonic() > deadline:
            raise Unavailable(f"the console at {url} does not answer; see {server.log}")
        time.sleep(_POLL_SECONDS)
    return server, url


def stay(server: Server) -> None:
    """Until Ctrl-C, which ends the demo in order. Raises Unavailable if the console ends by itself."""
    never = threading.Event()
    try:
        while not never.wait(_ALIVE_SECONDS):
            server.require_alive()
    except KeyboardInterrupt:
        return


def _answers(url: str) -> bool:
    # Loopback never goes by a proxy.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/healthz", timeout=2.0) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
