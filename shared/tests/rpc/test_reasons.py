"""Servers that can't be reached, each in its own way: the message names the cause and what to do."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from pipit.errors import InvalidInput, Unavailable
from pipit.rpc.certificates import Access
from pipit.rpc.client import open_channel
from pipit.rpc.probe import health_of
from pipit.rpc.reasons import proxy_between, why_unreachable

Certificates = Callable[..., tuple[Path, Path]]
PROXIES = ("grpc_proxy", "https_proxy", "http_proxy", "no_grpc_proxy", "no_proxy")


def trusting(authority: Path) -> Access:
    return Access(token=None, ca=authority, certificate=None, key=None)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def listen() -> Iterator[Callable[..., str]]:
    """Starts a server that is SERVING, with a certificate or without; gives host:port."""
    running = []

    def start(pair: tuple[Path, Path] | None = None, host: str = "127.0.0.1") -> str:
        server = grpc.server(ThreadPoolExecutor(2))
        servicer = health.HealthServicer()
        servicer.set("", health_pb2.HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
        if pair is None:
            port = server.add_insecure_port("127.0.0.1:0")
        else:
            credentials = grpc.ssl_server_credentials([(pair[1].read_bytes(), pair[0].read_bytes())])
            port = server.add_secure_port("127.0.0.1:0", credentials)
        server.start()
        running.append(server)
        return f"{host}:{port}"

    yield start
    for server in running:
        server.stop(None).wait()


def test_a_certificate_that_is_trusted_lets_calls_through(
    listen: Callable[..., str], make_certificate: Certificates
) -> None:
    pair = make_certificate()
    assert health_of(listen(pair), access=trusting(pair[0])) == "SERVING"


@pytest.mark.parametrize(
    ("days", "host", "cause"),
    [
        ((1, 5), "127.0.0.1", "its certificate is not yet valid; is this machine's clock right?"),
        ((-5, -1), "127.0.0.1", "its certificate has expired; give the server a new one"),
        ((-1, 1), "nas.local", "its certificate is for another name; call the server by a name"),
    ],
)
def test_a_certificate_that_does_not_hold_says_why(
    listen: Callable[..., str], make_certificate: Certificates, days: tuple[int, int], host: str, cause: str
) -> None:
    pair = make_certificate(days=days, host=host)
    address = listen(pair)
    with pytest.raises(Unavailable) as caught:
        health_of(address, access=trusting(pair[0]))
    assert str(caught.value).startswith(f"the server at {address} can't be reached: {cause}")


def test_an_authority_that_did_not_sign_is_said(listen: Callable[..., str], make_certificate: Certificates) -> None:
    pair, other = make_certificate(), make_certificate("other")
    with pytest.raises(Unavailable, match=r"its certificate is not trusted: .* \(PIPIT_CA\)"):
        health_of(listen(pair), access=trusting(other[0]))


def test_tls_to_plain_text_and_back_are_told_apart(listen: Callable[..., str], make_certificate: Certificates) -> None:
    pair = make_certificate()
    with pytest.raises(Unavailable, match=r"it does not speak TLS, .* leave that out \(PIPIT_CA\)"):
        health_of(listen(), access=trusting(pair[0]))
    with pytest.raises(Unavailable, match=r"if the server speaks TLS, give its certificate auth"):
        health_of(listen(pair))


def test_an_authority_that_is_no_pem_says_how_to_convert_it(make_certificate: Certificates, tmp_path: Path) -> None:
    der = tmp_path / "house.der"
    der.write_bytes(x509.load_pem_x509_certificate(make_certificate()[0].read_bytes()).public_bytes(Encoding.DER))
    with pytest.raises(InvalidInput, match=r"openssl x509 -inform der -in house\.der -out house\.pem"):
        open_channel("127.0.0.1:1", ca=der)


def test_a_port_where_nobody_listens_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        address = f"127.0.0.1:{held.getsockname()[1]}"
    with pytest.raises(Unavailable) as caught:
        health_of(address)
    assert str(caught.value) == (
        f"the server at {address} can't be reached: nothing listens there; is it running, and is the address right?"
    )


def test_a_name_is_asked_of_the_system_which_knows_more_than_name_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """By `getaddrinfo`, as `ping` does it: mDNS and /etc/hosts count."""
    code = (
        "import pipit.rpc.client as client, grpc\n"
        "channel = client.open_channel('nobody.invalid:1')\n"
        "try: channel.unary_unary('/a/b')(b'', timeout=30)\n"
        "except grpc.RpcError as error: print(error.details()); print(client.to_pipit_error(error, 'nobody.invalid:1'))"
    )
    monkeypatch.delenv("GRPC_DNS_RESOLVER", raising=False)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    said, told = done.stdout.splitlines()
    assert "getaddrinfo" in said
    assert told == ("nobody.invalid:1 can't be reached: its name has no address; is the name right, and is it running?")


class Proxy:
    """Takes calls, notes where they want to go, and refuses them."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.asked: list[str] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self.asked.append(connection.recv(4096).decode().split()[1])
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    def close(self) -> None:
        # Wakes who waits for a caller; closed alone, it would still take the next one.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    one = Proxy()
    yield one
    one.close()


@pytest.mark.parametrize("name", ["grpc_proxy", "https_proxy", "http_proxy"])
def test_loopback_never_goes_by_a_proxy(
    listen: Callable[..., str], proxy: Proxy, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, proxy.url)
    assert health_of(listen()) == "SERVING"
    assert health_of(listen(host="localhost")) == "SERVING"
    assert proxy.asked == []


def test_a_proxy_that_refuses_is_named(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", proxy.url)
    with pytest.raises(Unavailable) as caught:
        health_of("nas.example:50050")
    assert str(caught.value) == (
        "the server at nas.example:50050 can't be reached through the proxy that http_proxy names: HTTP proxy returned "
        "response code 403. If it is on your own network, add its host to no_proxy"
    )
    assert proxy.asked == ["nas.example:50050"]


@pytest.mark.parametrize(
    ("environment", "address", "variable"),
    [
        ({}, "nas:50050", ""),
        ({"http_proxy": "http://p:1"}, "nas:50050", "http_proxy"),
        ({"http_proxy": "http://p:1", "grpc_proxy": "http://q:1"}, "nas:50050", "grpc_proxy"),
        ({"http_proxy": "http://p:1"}, "localhost:50050", ""),
        ({"http_proxy": "http://p:1"}, "[::1]:50050", ""),
        ({"http_proxy": "http://p:1", "no_proxy": "example.org, .local"}, "nas.local:50050", ""),
        ({"http_proxy": "http://p:1", "no_proxy": "nas"}, "dns:///nas:50050", ""),
        ({"http_proxy": "http://p:1", "no_grpc_proxy": "other", "no_proxy": "nas"}, "nas:50050", "http_proxy"),
        ({"HTTP_PROXY": "http://p:1"}, "nas:50050", ""),
    ],
)
def test_which_variable_sends_a_call_through_a_proxy(environment: dict[str, str], address: str, variable: str) -> None:
    assert proxy_between(address, environment) == variable


def test_a_reason_that_is_not_known_is_passed_on() -> None:
    said = "failed to connect to all addresses; last error: UNKNOWN: ipv4:10.0.0.9:1: the cable glows"
    assert why_unreachable(said, "10.0.0.9:1") == "10.0.0.9:1 can't be reached: the cable glows"


@pytest.mark.parametrize("token", ["secret\r", " secret\n", "\tsecret\r\n"])
def test_space_around_a_token_is_cut(token: str) -> None:
    heard = []

    def note(request: bytes, context: grpc.ServicerContext) -> bytes:
        heard.append(dict(context.invocation_metadata())["authorization"])
        return request

    server = grpc.server(ThreadPoolExecutor(1))
    handler = grpc.method_handlers_generic_handler("a", {"b": grpc.unary_unary_rpc_method_handler(note)})
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with open_channel(f"127.0.0.1:{port}", token) as channel:
        channel.unary_unary("/a/b")(b"", timeout=30)
    server.stop(None).wait()
    assert heard == ["Bearer secret"]


@pytest.mark.parametrize("token", ["sec\nret", "geheimnißvoll", " \n"])
def test_what_can_be_no_token_is_refused_without_repeating_it(token: str) -> None:
    with pytest.raises(InvalidInput, match="the token is empty, or holds a line end or a letter") as caught:
        open_channel("127.0.0.1:1", token)
    assert token.strip() == "" or token not in str(caught.value)
