"""`python -m pipit.serving`: an inference server. `--help` lists its settings."""

import gc
import sys

# What modules make while they are imported stays for good: to look through it meanwhile takes a tenth of a start.
gc.disable()

from pipit.service.process import run  # noqa: E402
from pipit.serving.server import serve  # noqa: E402
from pipit.serving.settings import parse_arguments  # noqa: E402

# Nor does a collection look through it from here on: the first two would, for 50 ms of the steps to a model.
gc.freeze()
gc.enable()

if __name__ == "__main__":
    sys.exit(run(lambda: parse_arguments(sys.argv[1:]), serve))
