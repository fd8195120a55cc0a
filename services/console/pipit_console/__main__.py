"""`python -m pipit_console`: the web console; settings come from the environment (`PIPIT_CONSOLE_…`)."""

import sys

from pipit.service.process import run
from pipit.settings import load_settings

from pipit_console.server import serve
from pipit_console.settings import ConsoleSettings

if __name__ == "__main__":
    sys.exit(run(lambda: load_settings(ConsoleSettings), serve))
