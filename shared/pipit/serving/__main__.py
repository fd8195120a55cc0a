"""`python -m pipit.serving`: an inference server. `--help` lists its settings."""

import sys

from pipit.service.process import run
from pipit.serving.server import serve
from pipit.serving.settings import parse_arguments

if __name__ == "__main__":
    sys.exit(run(lambda: parse_arguments(sys.argv[1:]), serve))
