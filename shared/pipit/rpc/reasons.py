"""Why a server can't be reached, in words that say what to do: gRPC's own reason is written for its makers.

What gRPC says is taken from grpcio 1.85; a text that is not known here is passed on as it is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from pipit.rpc.targets import host_of, is_loopback

UNREACHABLE = ("failed to connect", "connections to all backends failing", "errors resolving")
"""How gRPC's text begins where a server was not reached."""
_ADDRESS = re.compile(r"^.*?last error: [A-Z_]+: (?:ipv4|ipv6|unix)[^ ]*: ", re.DOTALL)
_PROXIES = ("grpc_proxy", "https_proxy", "http_proxy")
"""The variables that gRPC reads, the first one that is set."""
_DIRECT = ("no_grpc_proxy", "no_proxy")
_RUNNING = "is it running, and is the address right?"
_NO_ADDRESS = "its name has no address; is the name right, and is it running?"
_SETTINGS = "(PIPIT_CA)"
_HANGS_UP = (
    f"something there hangs up at once; if the server speaks TLS, give its certificate authority {_SETTINGS}, else "
    "something other than a server of Pipit listens there"
)
_REASONS = (
    ("certificate is not yet valid", "its certificate is not yet valid; is this machine's clock right?"),
    ("certificate has expired", "its certificate has expired; give the server a new one, or set this machine's clock"),
    (
        "Hostname Verification Check failed",
        "its certificate is for another name; call the server by a name that stands in its certificate, or make one "
        "for this name",
    ),
    (
        "CERTIFICATE_VERIFY_FAILED",
        "its certificate is not trusted: it does not lead to the authority that was given; give the PEM file of the "
        f"authority that signed it {_SETTINGS}",
    ),
    (
        "WRONG_VERSION_NUMBER",
        f"it does not speak TLS, and a certificate authority was given; leave that out {_SETTINGS}, or give the "
        "server a certificate",
    ),
    ("Failed to create security handshaker", "the certificate authority that was given is not a PEM certificate"),
    ("Socket closed", _HANGS_UP),
    ("Connection reset by peer", _HANGS_UP),
    ("Broken pipe", _HANGS_UP),
    ("Connection refused", f"nothing listens there; {_RUNNING}"),
    ("connect failed", f"nothing listens there; {_RUNNING}"),
    ("timeout", f"it does not answer; {_RUNNING}"),
    ("No route to host", f"no way leads there; {_RUNNING}"),
    ("Network is unreachable", "this machine has no network that leads there"),
    ("Failed to parse port", "the address has no port; write host:port"),
    ("Misformatted domain name", "the address is no host:port"),
)


def why_unreachable(details: str, server: str) -> str:
    """The sentence for a call that found no server.

    details: what gRPC says. server: how the text calls the server; its address, or words that end in it.
    """
    reason = _ADDRESS.sub("", details)
    found = next((text for sign, text in _REASONS if sign.lower() in reason.lower()), "")
    if not found:
        found = _NO_ADDRESS if details.startswith(UNREACHABLE[-1]) else reason
    address = server.rpartition(" ")[2]
    variable = proxy_between(address) if ":" in address else ""
    if variable:
        end = "" if found.endswith("?") else "."
        return (
            f"{server} can't be reached through the proxy that {variable} names: {found}{end} If it is on your own "
            "network, add its host to no_proxy"
        )
    return f"{server} can't be reached: {found}"


def proxy_between(address: str, environment: Mapping[str, str] = os.environ) -> str:
    """The variable that sends calls to this address through a proxy; "" where none does.

    Loopback never goes through one: `pipit.rpc.client.open_channel` sees to it. The rule is gRPC's:
    https://github.com/grpc/grpc/blob/v1.85.1/src/core/handshaker/http_connect/http_proxy_mapper.cc
    """
    variable = _proxy(environment)
    if not variable or is_loopback(address):
        return ""
    exempt = next((environment[name] for name in _DIRECT if environment.get(name)), "")
    host = host_of(address)
    return "" if any(host.endswith(entry.strip()) for entry in exempt.split(",") if entry.strip()) else variable


def _proxy(environment: Mapping[str, str]) -> str:
    return next((name for name in _PROXIES if environment.get(name)), "")
