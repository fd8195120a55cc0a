"""Says what is in a file.

python classify_file.py pi.local:50051 door.wav
"""

import argparse
from pathlib import Path

from pipit.client import Client

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("server", help="host:port")
parser.add_argument("file", type=Path, help="a recording (WAV, FLAC, Ogg, MP3) or a picture (JPEG, PNG, WebP)")
parser.add_argument("--task", default="", help="needed where the server has several")
options = parser.parse_args()

with Client(options.server, task=options.task) as client:
    answer = client.classify(options.file)
    print(f"{answer.model.task} {answer.model.version} took {answer.times.total * 1000:.1f} ms")
    for score in answer.detected:
        print(f"{score.label} {score.score:.2f}")
    if not answer.detected:
        print("nothing was detected")
