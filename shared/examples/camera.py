"""Says what a camera sees. Needs PyAV and Pillow: pip install 'pipit-shared[image,video]'.

python camera.py pi.local:50051 0                 the first camera; Ctrl-C ends it
python camera.py pi.local:50051 /dev/video2
python camera.py pi.local:50051 rtsp:rtsp://…     FORMAT:SOURCE, anything that FFmpeg opens
"""

import argparse
import sys

from pipit.client import Client, Refusal
from pipit.inputs.camera import Camera

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("server", help="host:port")
parser.add_argument("camera", help="its number, /dev/video2, or FORMAT:SOURCE")
parser.add_argument("--task", default="", help="needed where the server has several")
parser.add_argument("--rate", type=float, help="pictures a second at most")
options = parser.parse_args()

with Client(options.server, task=options.task) as client, Camera(options.camera) as camera:
    try:
        # ahead=0: the camera is asked for its newest picture once the last one is answered.
        for answer in client.stream(camera.frames(options.rate), ahead=0):
            if isinstance(answer, Refusal):
                print(f"not answered: {answer.message}", file=sys.stderr)
            else:
                print(", ".join(f"{score.label} {score.score:.2f}" for score in answer.detected) or "-", flush=True)
    except KeyboardInterrupt:
        pass
    print(f"{camera.left_out} pictures were left out because others were under way", file=sys.stderr)
