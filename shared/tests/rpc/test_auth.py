"""Tokens and roles, through a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pipit._pb.pipit.registry.v1 import registry_pb2, registry_pb2_grpc
from pipit.errors import InvalidInput, PermissionDenied, PipitError, Unauthenticated, Unavailable
from pipit.rpc.auth import AuthInterceptor, TokenFile, Tokens, hash_token, read_tokens
from pipit.rpc.callers import ANYBODY, Caller, Role
from pipit.rpc.client import call_errors, open_channel
from pipit.rpc.server import bind, build_server

SERVICE = "/pipit.registry.v1.RegistryService/"
METHODS = {
    f"{SERVICE}Resolve": frozenset(Role),
    f"{SERVICE}Promote": frozenset({Role.OPERATOR}),
    f"{SERVICE}Publish": frozenset({Role.PUBLISHER}),
    f"{SERVICE}Watch": frozenset(Role),
}


class Servicer(registry_pb2_grpc.RegistryServiceServicer):
    """Answers every shape of call with something empty."""

    def Resolve(self, request: object, context: object) -> registry_pb2.ResolveResponse:  # noqa: N802
        return registry_pb2.ResolveResponse()

    def Promote(self, request: object, context: object) -> registry_pb2.PromoteResponse:  # noqa: N802
        return registry_pb2.PromoteResponse()

    def Publish(self, request: Iterator[object], context: object) -> registry_pb2.PublishResponse:  # noqa: N802
        return registry_pb2.PublishResponse(created=len(list(request)) == 2)

    def Watch(self, request: object, context: object) -> Iterator[registry_pb2.WatchResponse]:  # noqa: N802
        yield registry_pb2.WatchResponse()

    def Rollback(self, request: object, context: object) -> registry_pb2.RollbackResponse:  # noqa: N802
        return registry_pb2.RollbackResponse()


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    path = tmp_path / "tokens.yaml"
    entries = [
        {"name": "anna", "roles": ["publisher", "operator"], "sha256": hash_token("token-of-anna")},
        {"name": "pi-3", "roles": ["device"], "sha256": hash_token("token-of-pi-3")},
    ]
    path.write_text(json.dumps({"callers": entries}))
    return read_tokens(path)


@pytest.fixture
def address(tokens: Tokens) -> Iterator[str]:
    server = build_server([AuthInterceptor(tokens, METHODS)])
    registry_pb2_grpc.add_RegistryServiceServicer_to_server(Servicer(), server)
    port = bind(server, "127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


def call_everything(address: str, token: str | None) -> dict[str, str]:
    """Status of each method, by the error's class."""
    request = registry_pb2.PublishRequest()
    outcomes = {}
    with open_channel(address, token) as channel:
        stub = registry_pb2_grpc.RegistryServiceStub(channel)
        calls = {
            "Resolve": lambda: stub.Resolve(registry_pb2.ResolveRequest(), timeout=60),
            "Promote": lambda: stub.Promote(registry_pb2.PromoteRequest(), timeout=60),
            "Publish": lambda: stub.Publish(iter([request, request]), timeout=60),
            "Watch": lambda: list(stub.Watch(registry_pb2.WatchRequest(), timeout=60)),
            "Rollback": lambda: stub.Rollback(registry_pb2.RollbackRequest(), timeout=60),
        }
        for name, call in calls.items():
            try:
                with call_errors(address):
                    call()
            except PipitError as error:
                outcomes[name] = error.status
            else:
                outcomes[name] = "OK"
    return outcomes


def test_each_role_may_call_what_it_needs(address: str) -> None:
    denied = "PERMISSION_DENIED"
    assert call_everything(address, "token-of-anna") == {
        "Resolve": "OK",
        "Promote": "OK",
        "Publish": "OK",
        "Watch": "OK",
        "Rollback": denied,  # not in the table: for nobody
    }
    assert call_everything(address, "token-of-pi-3") == {
        "Resolve": "OK",
        "Promote": denied,
        "Publish": denied,
        "Watch": "OK",
        "Rollback": denied,
    }


@pytest.mark.parametrize("token", [None, "token-of-nobody", "", "x" * 4000])
def test_who_is_not_known_may_call_nothing(address: str, token: str | None) -> None:
    assert set(call_everything(address, token).values()) == {"UNAUTHENTICATED"}


def test_the_messages_say_what_to_do(address: str) -> None:
    with open_channel(address) as channel, pytest.raises(Unauthenticated, match="PIPIT_TOKEN"), call_errors(address):
        registry_pb2_grpc.RegistryServiceStub(channel).Resolve(registry_pb2.ResolveRequest(), timeout=60)
    with (
        open_channel(address, "token-of-pi-3") as channel,
        pytest.raises(PermissionDenied, match="pi-3 may not call Promote: it needs the role operator"),
        call_errors(address),
    ):
        registry_pb2_grpc.RegistryServiceStub(channel).Promote(registry_pb2.PromoteRequest(), timeout=60)


def test_who_calls_is_known_by_name(tokens: Tokens) -> None:
    caller = tokens.caller([("user-agent", "x"), ("authorization", "Bearer token-of-anna")])

    assert caller.name == "anna"
    assert caller.roles == {Role.PUBLISHER, Role.OPERATOR}


def test_without_tokens_anybody_may_do_everything() -> None:
    assert Tokens(None).caller([]) == ANYBODY
    assert ANYBODY.roles == set(Role)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("callers: [", "neither YAML nor JSON"),
        ("callers: []\ncallers: []", "a key stands in it twice"),
        ("callers: [{name: secret-token", "neither YAML nor JSON"),
        ("- a", "not a list of callers"),
        ("callers: [{name: a, roles: [king], sha256: " + "a" * 64 + "}]", r"roles\.0"),
        ("callers: [{name: a, roles: [], sha256: " + "a" * 64 + "}]", "roles"),
        ("callers: [{name: a, roles: [reader], sha256: secret-token}]", r"callers\.0\.sha256"),
        ("callers: [{name: a, roles: [reader], token: secret-token}]", r"callers\.0\.token"),
        (
            "callers: [{name: a, roles: [reader], sha256: " + "a" * 64 + "}, "
            "{name: b, roles: [reader], sha256: " + "a" * 64 + "}]",
            "one token to two callers",
        ),
    ],
)
def test_a_wrong_file_is_refused_without_repeating_its_content(tmp_path: Path, content: str, text: str) -> None:
    path = tmp_path / "tokens.yaml"
    path.write_text(content)

    with pytest.raises(InvalidInput, match=text) as refusal:
        read_tokens(path)

    assert "secret-token" not in str(refusal.value)


def test_a_file_that_changes_counts_as_it_is_then(tmp_path: Path) -> None:
    path = tmp_path / "tokens.yaml"

    def write(*names: str) -> None:
        entries = [{"name": name, "roles": ["reader"], "sha256": hash_token(name)} for name in names]
        path.write_text(json.dumps({"callers": entries}))

    def knows(name: str) -> bool:
        try:
            return tokens.caller([("authorization", f"Bearer {name}")]).name == name
        except Unauthenticated:
            return False

    write("anna")
    tokens = TokenFile(path, pause=0.0)
    assert (knows("anna"), knows("ben"), tokens.is_stale) == (True, False, False)
    write("ben", "cid")
    assert (knows("anna"), knows("ben"), tokens.is_stale) == (False, True, False)
    # What is broken opens no door, and closes none.
    path.write_text("callers: [")
    assert (knows("anna"), knows("ben"), tokens.is_stale) == (False, True, True)
    path.unlink()
    assert (knows("ben"), tokens.is_stale) == (True, True)
    write("anna", "ben", "cid")
    assert (knows("anna"), knows("ben"), tokens.is_stale) == (True, True, False)


def test_one_of_several_callers_gets_three_of_four_places() -> None:
    several = Tokens({name: Caller(name, frozenset(Role)) for name in ("anna", "ben")})
    alone = Tokens({"anna": Caller("anna", frozenset(Role))})
    assert [several.share(places) for places in (0, 1, 2, 3, 4, 16, 256)] == [0, 1, 1, 2, 3, 12, 192]
    assert [each.share(16) for each in (alone, Tokens(None))] == [16, 16]


def test_tokens_may_be_known_elsewhere() -> None:
    anna, pi = Caller("anna", frozenset(Role)), Caller("device:pi-7", frozenset({Role.DEVICE}), device="pi-7")
    tokens, open_to_all = Tokens({hash_token("anna"): anna}), Tokens(None)
    for each in (tokens, open_to_all):
        each.look_elsewhere({"of-pi-7": pi}.get)

    assert tokens.caller([("authorization", "Bearer anna")]) is anna
    assert tokens.caller([("authorization", "Bearer of-pi-7")]) is pi
    with pytest.raises(Unauthenticated, match="does not know the token"):
        tokens.caller([("authorization", "Bearer of-pi-8")])
    assert open_to_all.caller([]) is ANYBODY
    assert (tokens.share(16), open_to_all.share(16)) == (12, 16)


def test_a_device_speaks_for_itself_alone() -> None:
    pi = Caller("device:pi-7", frozenset({Role.DEVICE}), device="pi-7")
    pi.check_device("pi-7")
    ANYBODY.check_device("pi-8")
    for other in ("pi-8", ""):
        with pytest.raises(PermissionDenied, match=f"for device pi-7, and can't speak for {other or 'none'}"):
            pi.check_device(other)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"tokens\.yaml can't be read"):
        read_tokens(tmp_path / "tokens.yaml")


def test_a_server_that_is_away_is_unavailable() -> None:
    with (
        open_channel("127.0.0.1:1") as channel,
        pytest.raises(Unavailable, match="the registry can't be reached"),
        call_errors("the registry"),
    ):
        registry_pb2_grpc.RegistryServiceStub(channel).Resolve(registry_pb2.ResolveRequest(), timeout=60)


def test_a_method_that_is_not_there_says_so(address: str) -> None:
    with (
        open_channel(address, "token-of-anna") as channel,
        pytest.raises(PipitError, match="does not know this call"),
        call_errors(address),
    ):
        channel.unary_unary("/pipit.registry.v1.RegistryService/NewCall")(b"", timeout=60)


def test_a_certificate_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"ca\.pem can't be read"):
        open_channel("127.0.0.1:1", ca=tmp_path / "ca.pem")
