"""`python -m model_registry`: the registry service; settings come from the environment (`PIPIT_REGISTRY_…`)."""

import sys

from pipit.service.process import run
from pipit.settings import load_settings

from model_registry.server import serve
from model_registry.settings import RegistrySettings

if __name__ == "__main__":
    sys.exit(run(lambda: load_settings(RegistrySettings), serve))
