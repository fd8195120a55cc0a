"""`python -m pipit.serving`: an inference server. `--help` lists its settings."""

import sys

from pipit.errors import PipitError
from pipit.logging import configure_logging
from pipit.serving.processes import serve
from pipit.serving.settings import parse_arguments


def main() -> int:
    """Serves until a signal; gives the exit code: 0 after a graceful stop, 1 for what kept it from serving."""
    try:
        settings = parse_arguments(sys.argv[1:])
        configure_logging(settings.log_level, settings.log_format)
        return serve(settings)
    except PipitError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 (a command's own error output)
        return 1


if __name__ == "__main__":
    sys.exit(main())
