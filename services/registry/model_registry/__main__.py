"""`python -m model_registry`: the registry service; settings come from the environment (`PIPIT_REGISTRY_…`)."""

import sys

from pipit.errors import PipitError
from pipit.logging import configure_logging
from pipit.settings import load_settings

from model_registry.process import serve
from model_registry.settings import RegistrySettings


def main() -> int:
    """Serves until a signal; gives the exit code: 0 after a graceful stop, 1 for what kept it from serving."""
    try:
        settings = load_settings(RegistrySettings)
        configure_logging(settings.log_level, settings.log_format)
        serve(settings)
    except PipitError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 (a command's own error output)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
