"""`python -m pipit.cli.demo`: the same as `pipit demo`."""

import sys

from pipit.cli.main import app

if __name__ == "__main__":
    app(["demo", *sys.argv[1:]], prog_name="pipit")
