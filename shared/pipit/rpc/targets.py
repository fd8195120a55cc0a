"""What the name of a server (`host:port`, `dns:///name:port`, `unix:/path`) tells before it is called.

gRPC's naming: https://github.com/grpc/grpc/blob/master/doc/naming.md
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

_SCHEME = re.compile(r"^(?:dns|ipv4|ipv6):(?://[^/]*/)?")
_UNIX = ("unix:", "unix-abstract:")


def names_replicas(target: str) -> bool:
    """Whether every address that stands behind the name is meant, rather than the first that answers."""
    return target.startswith("dns:")


def with_brackets(target: str) -> str:
    """`::1:50051` as `[::1]:50051`, which gRPC needs; all else as it is."""
    address, _, port = target.rpartition(":")
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        return target
    return f"[{address}]:{port}" if port.isdigit() and len(port) > 3 else target


def is_loopback(target: str) -> bool:
    """Whether what is sent there never leaves this machine."""
    if target.startswith(_UNIX):
        return True
    return all(is_loopback_host(host_of(endpoint)) for endpoint in _SCHEME.sub("", target).split(","))


def host_of(target: str) -> str:
    """The name or address before the port, an IPv6 address without its brackets; "" if there is none."""
    try:
        return urlsplit(f"//{_SCHEME.sub('', target)}").hostname or ""
    except ValueError:
        return ""


def is_loopback_host(host: str) -> bool:
    """The same of a name or an address alone; brackets around an IPv6 address are left out of account."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False
