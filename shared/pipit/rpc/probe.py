"""Asks a server how it is, over `grpc.health.v1`; for health checks of containers, and for people.

    python -m pipit.rpc.probe 127.0.0.1:50051 --service liveness

It finds certificates where every client does (PIPIT_CA, PIPIT_CERTIFICATE, PIPIT_KEY), so that one health check holds
for a container with TLS and without.

The exit code is 0 for SERVING, 1 for anything else, with a line that says what was found.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from grpc_health.v1 import health_pb2, health_pb2_grpc

from pipit.errors import InvalidInput, PipitError
from pipit.rpc.certificates import Access
from pipit.rpc.client import call_errors, open_channel

LIVENESS = "liveness"
"""Health service that says whether a process works, whatever it has to serve: who fails it is to be restarted."""
_FILES = ("ca", "certificate", "key")


def health_of(
    address: str, service: str = "", access: Access | None = None, timeout: float = 5.0, name: str = ""
) -> str:
    """State of a health service, such as SERVING or NOT_SERVING.

    service: "" is the server as a whole, `LIVENESS` its process. access: see `open_channel`. timeout: seconds.
    name: that the server's certificate is for, where it isn't the address's.
    Raises Unavailable, DeadlineExceeded, and NotFound for a service that the server does not know.
    """
    channel = open_channel(address, **(access or Access(token=None, ca=None, certificate=None, key=None)), name=name)
    with channel, call_errors(f"the server at {address}"):
        answer = health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(service=service), timeout=timeout
        )
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


def main(arguments: list[str] | None = None) -> int:
    """Prints what was found; gives the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m pipit.rpc.probe",
        description="Ask a Pipit server, or any with grpc.health.v1, whether it is SERVING.",
        epilog='Services: "" (ready: everything answers), liveness (the process works), or a task such as '
        "my_domain.my_task. Exit code: 0 for SERVING, else 1.",
    )
    parser.add_argument("address", help="host:port")
    parser.add_argument("--service", default="", help='health service (default: "", the server as a whole)')
    parser.add_argument("--ca", help="PEM file that the server's certificate must lead to (default: PIPIT_CA)")
    parser.add_argument("--name", default="", help="name that its certificate is for, if not that of the address")
    parser.add_argument("--timeout", type=float, default=5.0, help="seconds to wait for an answer (default: 5)")
    options = parser.parse_args(arguments)
    try:
        if not options.timeout > 0:
            raise InvalidInput(f"--timeout {options.timeout}: give seconds above 0")
        access = _access(options.ca)
        found = health_of(options.address, options.service, access, options.timeout, options.name)
    except PipitError as error:
        found = str(error)
    sys.stdout.write(f"{options.service or 'server'}: {found}\n")
    return 0 if found == "SERVING" else 1


def _access(ca: str | None) -> Access:
    # Not by ConnectionSettings: a Pi runs this every few seconds for each server, and importing pydantic takes a third
    # of the time.
    paths = {name: Path(value) if (value := os.environ.get(f"PIPIT_{name.upper()}")) else None for name in _FILES}
    return Access(token=None, ca=Path(ca) if ca else paths["ca"], certificate=paths["certificate"], key=paths["key"])


if __name__ == "__main__":
    sys.exit(main())
