"""`python -m pipit_console.probe [URL]`: asks the console whether its process works; for health checks of containers.

It finds the authority where every client does (PIPIT_CA): with one it asks by https, else by http, so that one health
check holds for a container with TLS and without. The exit code is 0 for 200, 1 for anything else, with a line that says
what was found.
"""

from __future__ import annotations

import os
import ssl
import sys
import urllib.request

ADDRESS = "127.0.0.1:8080/healthz"
_SECONDS = 5.0


def main(arguments: list[str]) -> int:
    """arguments: the URL, where it isn't the container's own. Prints what was found; gives the exit code."""
    # Not by ConnectionSettings: this runs every few seconds, and importing pydantic takes a third of the time.
    authority = os.environ.get("PIPIT_CA")
    url = arguments[0] if arguments else f"{'https' if authority else 'http'}://{ADDRESS}"
    context = ssl.create_default_context(cafile=authority) if authority else None
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS, context=context) as answer:
            found = str(answer.status)
    except (OSError, ValueError) as error:
        found = str(getattr(error, "reason", error))
    sys.stdout.write(f"{url}: {found}\n")
    return 0 if found == "200" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
