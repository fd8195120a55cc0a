"""Says what a microphone hears. Raw samples on standard input, 16 bits each, from whatever records them.

arecord -q -t raw -f S16_LE -r 16000 -c 1 | python microphone.py pi.local:50051
"""

import argparse
import sys
from collections.abc import Iterator

import numpy as np
from pipit.client import Client, PcmAudio, Refusal
from pipit.types import TimeSpan

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("server", help="host:port")
parser.add_argument("--task", default="", help="needed where the server has several")
parser.add_argument("--rate", type=int, default=16_000, help="samples a second")
parser.add_argument("--channels", type=int, default=1)
options = parser.parse_args()


def pieces() -> Iterator[PcmAudio]:
    """A quarter of a second each. The server cuts its own windows out of them."""
    frame = 2 * options.channels
    while len(data := sys.stdin.buffer.read(options.rate // 4 * frame)) >= frame:
        values = np.frombuffer(data, "<i2", len(data) // frame * options.channels)
        yield PcmAudio(values.reshape(-1, options.channels), options.rate)


with Client(options.server, task=options.task) as client:
    for answer in client.stream(pieces(), ahead=0):
        if isinstance(answer, Refusal):
            print(f"not answered: {answer.message}", file=sys.stderr)
            continue
        for part in answer.predictions:
            heard = [f"{score.label} {score.score:.2f}" for score in part.scores if score.detected]
            if heard and isinstance(part.region, TimeSpan):
                print(f"{part.region.start:.1f} s: {', '.join(heard)}", flush=True)
