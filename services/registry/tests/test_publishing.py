"""Publishing through a real server: whole or not at all, resumable, and of two publishers one wins."""

from __future__ import annotations

import hashlib
import math
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from model_registry import layout
from model_registry.server import RegistryServer
from model_registry.uploads import BlobWriter, Uploads
from pipit._pb.pipit.registry.v1 import registry_pb2 as pb
from pipit._pb.pipit.registry.v1 import registry_pb2_grpc
from pipit.bundle import Bundle
from pipit.bundle.signing import generate_key, save_public_key
from pipit.errors import AlreadyExists, Conflict, InputTooLarge, IntegrityError, InvalidInput, NotFound, PipitError
from pipit.registry import PublishProgress, RegistryClient
from pipit.rpc.client import call_errors
from pipit.storage import LocalStore

TASK = "test.sounds"
MEBIBYTE = 1024 * 1024
LARGE = b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(3 * MEBIBYTE // 32)) + b"tail"


@pytest.fixture
def stub(registry: RegistryServer) -> Iterator[registry_pb2_grpc.RegistryServiceStub]:
    with grpc.insecure_channel(f"127.0.0.1:{registry.port}") as channel:
        yield registry_pb2_grpc.RegistryServiceStub(channel)


def begin(bundle: Bundle, **changes: bytes) -> pb.PublishRequest:
    content = {"manifest": bundle.manifest_bytes, "signature": bundle.signature, **changes}
    return pb.PublishRequest(begin=pb.PreparePublishRequest(**content))


def chunk(digest: str, offset: int, data: bytes) -> pb.PublishRequest:
    return pb.PublishRequest(chunk=pb.BlobChunk(digest=digest, offset=offset, data=data))


def whole(bundle: Bundle) -> Iterator[pb.PublishRequest]:
    yield begin(bundle)
    for relative, entry in bundle.manifest.files.items():
        yield chunk(entry.sha256, 0, bundle.file(relative).read_bytes())


def test_a_published_version_is_there_as_it_was(client: RegistryClient, make_bundle: Callable[..., Bundle]) -> None:
    bundle = make_bundle("1.2.0", LARGE)

    published = client.publish(bundle.path)

    version = published.version
    assert published.created
    assert (version.task, version.version, version.name) == (TASK, "1.2.0", "linear-float32-v1.2.0")
    assert version.digest == bundle.digest
    assert version.size == len(LARGE) + len(b"golden")
    assert version.published_by == "anonymous"
    assert not version.signed
    assert version.gates_passed
    content = client.get_version(TASK, "1.2.0")
    assert content.manifest == bundle.manifest_bytes
    assert content.version == version
    for relative, entry in bundle.manifest.files.items():
        assert b"".join(client.download(entry.sha256)) == bundle.file(relative).read_bytes()


def test_a_blob_is_downloaded_from_an_offset(client: RegistryClient, make_bundle: Callable[..., Bundle]) -> None:
    bundle = make_bundle(weights=LARGE)
    client.publish(bundle.path)
    digest = bundle.manifest.files["weights.onnx"].sha256

    for offset in (0, 1, MEBIBYTE, len(LARGE) - 1, len(LARGE)):
        assert b"".join(client.download(digest, offset)) == LARGE[offset:]
    with pytest.raises(InvalidInput, match=f"has {len(LARGE)} bytes"):
        list(client.download(digest, len(LARGE) + 1))
    with pytest.raises(NotFound, match="no blob"):
        list(client.download("0" * 64))
    with pytest.raises(InvalidInput, match="SHA-256"):
        list(client.download("../secret"))


def test_the_same_bytes_again_are_no_error(client: RegistryClient, make_bundle: Callable[..., Bundle]) -> None:
    bundle = make_bundle()
    first = client.publish(bundle.path)

    again = client.publish(bundle.path)

    assert not again.created
    assert again.version == first.version
    assert client.prepare_publish(bundle.manifest_bytes).published


def test_a_version_is_never_changed(client: RegistryClient, make_bundle: Callable[..., Bundle]) -> None:
    client.publish(make_bundle("1.0.0", b"first").path)

    with pytest.raises(AlreadyExists, match=r"test\.sounds 1\.0\.0 was published with other content by anonymous"):
        client.publish(make_bundle("1.0.0", b"second").path)

    assert len(client.list_versions().versions) == 1


def test_progress_counts_every_byte(client: RegistryClient, make_bundle: Callable[..., Bundle]) -> None:
    reports: list[PublishProgress] = []

    client.publish(make_bundle(weights=LARGE).path, reports.append)

    total = len(LARGE) + len(b"golden")
    assert reports[0] == PublishProgress(0, total)
    assert reports[-1] == PublishProgress(total, total)
    assert [report.sent for report in reports] == sorted(report.sent for report in reports)


def test_content_that_is_here_is_not_sent_again(client: RegistryClient, make_bundle: Callable[..., Bundle]) -> None:
    client.publish(make_bundle("1.0.0", LARGE).path)
    reports: list[PublishProgress] = []

    client.publish(make_bundle("1.0.1", LARGE).path, reports.append)

    assert {report.sent for report in reports} == {len(LARGE) + len(b"golden")}


@pytest.mark.parametrize("sent", [1, MEBIBYTE, 2 * MEBIBYTE + 17, len(LARGE) - 1])
def test_a_broken_publish_goes_on_where_it_ended(
    start: Callable[..., RegistryServer],
    connect: Callable[..., RegistryClient],
    make_bundle: Callable[..., Bundle],
    eventually: Callable[[Callable[[], bool]], None],
    sent: int,
) -> None:
    server = start(part_mib=1)
    client = connect(server)
    bundle = make_bundle(weights=LARGE)
    digest = bundle.manifest.files["weights.onnx"].sha256
    broken = threading.Event()

    def breaking() -> Iterator[pb.PublishRequest]:
        yield begin(bundle)
        for offset in range(0, sent, MEBIBYTE):
            yield chunk(digest, offset, LARGE[offset : min(offset + MEBIBYTE, sent)])
        broken.wait()

    def received() -> float | None:
        labels = {"grpc_type": "client_stream", "grpc_service": "pipit.registry.v1.RegistryService"}
        return server.metrics.registry.get_sample_value(
            "grpc_server_msg_received_total", {**labels, "grpc_method": "Publish"}
        )

    def offset_there() -> int:
        plan = client.prepare_publish(bundle.manifest_bytes)
        return next(blob.offset for blob in plan.missing if blob.digest == digest)

    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call = registry_pb2_grpc.RegistryServiceStub(channel).Publish.future(breaking())
        eventually(lambda: received() == 1 + math.ceil(sent / MEBIBYTE))
        call.cancel()
        broken.set()
        eventually(lambda: offset_there() == sent)

    assert client.list_versions().versions == ()
    reports: list[PublishProgress] = []
    assert client.publish(bundle.path, reports.append).created
    assert reports[0].sent == sent
    assert b"".join(client.download(digest)) == LARGE


def test_nothing_of_an_upload_is_left_after_it(
    start: Callable[..., RegistryServer],
    connect: Callable[..., RegistryClient],
    make_bundle: Callable[..., Bundle],
    store: LocalStore,
) -> None:
    bundle = make_bundle(weights=LARGE)

    connect(start(part_mib=1)).publish(bundle.path)

    assert list(store.list("uploads/")) == []
    blobs = {f"blobs/sha256/{entry.sha256}" for entry in bundle.manifest.files.values()}
    assert set(store.list("blobs/")) == blobs | {f"blobs/sha256/{bundle.digest}"}
    assert list(store.list("models/")) == [f"models/{TASK}/versions/1.0.0.json"]


def test_wrong_content_is_refused_and_forgotten(
    start: Callable[..., RegistryServer],
    connect: Callable[..., RegistryClient],
    make_bundle: Callable[..., Bundle],
    store: LocalStore,
) -> None:
    server = start(part_mib=1)
    client = connect(server)
    bundle = make_bundle(weights=LARGE)
    digest = bundle.manifest.files["weights.onnx"].sha256
    wrong = bytes([LARGE[0] ^ 1]) + LARGE[1:]
    chunks = [chunk(digest, offset, wrong[offset : offset + MEBIBYTE]) for offset in range(0, len(wrong), MEBIBYTE)]

    with (
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
        pytest.raises(IntegrityError, match=f"blob {digest} does not match"),
        call_errors("the registry"),
    ):
        registry_pb2_grpc.RegistryServiceStub(channel).Publish(iter([begin(bundle), *chunks]))

    assert list(store.list("uploads/")) == []
    assert client.list_versions().versions == ()
    assert client.publish(bundle.path).created


@pytest.mark.parametrize(
    ("messages", "error", "text"),
    [
        (lambda bundle: [], InvalidInput, "first message"),
        (lambda bundle: [chunk("0" * 64, 0, b"x")], InvalidInput, "first message"),
        (lambda bundle: [begin(bundle), begin(bundle)], InvalidInput, "chunks only"),
        (lambda bundle: [begin(bundle)], InvalidInput, "content of 3 blobs is still missing"),
        (lambda bundle: [begin(bundle), chunk("0" * 64, 0, b"x")], InvalidInput, "names no file"),
        (lambda bundle: [begin(bundle, manifest=b"task: [")], InvalidInput, "YAML"),
        (lambda bundle: [begin(bundle, manifest=b"")], InvalidInput, "mapping"),
        (lambda bundle: [begin(bundle, manifest=b"#" * 2_000_000)], InputTooLarge, "at most"),
        (lambda bundle: [begin(bundle, signature=b"short")], InvalidInput, "64 bytes"),
        (
            lambda bundle: [begin(bundle), chunk(bundle.manifest.files["weights.onnx"].sha256, 3, b"ghts")],
            Conflict,
            "up to byte 0, not 3",
        ),
        (
            lambda bundle: [begin(bundle), chunk(bundle.manifest.files["weights.onnx"].sha256, 0, b"Weights")],
            IntegrityError,
            "does not match its digest",
        ),
        (
            lambda bundle: [begin(bundle), chunk(bundle.manifest.files["weights.onnx"].sha256, 0, b"weights+")],
            InvalidInput,
            "more were sent",
        ),
        (
            lambda bundle: [begin(bundle), chunk(bundle.manifest.files["weights.onnx"].sha256, 0, b"w" * 1_100_000)],
            InvalidInput,
            "a chunk has",
        ),
    ],
)
def test_a_wrong_publish_leaves_nothing_to_list(
    stub: registry_pb2_grpc.RegistryServiceStub,
    client: RegistryClient,
    make_bundle: Callable[..., Bundle],
    messages: Callable[[Bundle], list[pb.PublishRequest]],
    error: type[PipitError],
    text: str,
) -> None:
    bundle = make_bundle()

    with pytest.raises(error, match=text), call_errors("the registry"):
        stub.Publish(iter(messages(bundle)), timeout=60)

    assert client.list_versions().versions == ()
    assert client.publish(bundle.path).created


def test_a_bundle_over_the_limit_is_refused(
    start: Callable[..., RegistryServer], connect: Callable[..., RegistryClient], make_bundle: Callable[..., Bundle]
) -> None:
    client = connect(start(max_bundle_mib=1))

    with pytest.raises(InputTooLarge, match="takes at most 1048576"):
        client.publish(make_bundle(weights=LARGE).path)


def test_two_publishers_of_one_version(client: RegistryClient, make_bundle: Callable[..., Bundle]) -> None:
    bundles = [make_bundle("1.0.0", b"content of %d" % number) for number in range(4)]
    gate = threading.Barrier(len(bundles))

    def publish(bundle: Bundle) -> str:
        gate.wait()
        try:
            return client.publish(bundle.path).version.digest
        except AlreadyExists:
            return "lost"

    with ThreadPoolExecutor(len(bundles)) as pool:
        outcomes = list(pool.map(publish, bundles))

    winners = [outcome for outcome in outcomes if outcome != "lost"]
    assert len(winners) == 1
    assert [version.digest for version in client.list_versions().versions] == winners


def test_two_publishers_of_the_same_bytes(
    start: Callable[..., RegistryServer], connect: Callable[..., RegistryClient], make_bundle: Callable[..., Bundle]
) -> None:
    clients = [connect(start(part_mib=1)) for _ in range(3)]
    bundle = make_bundle(weights=LARGE)
    gate = threading.Barrier(len(clients))

    def publish(client: RegistryClient) -> bool:
        gate.wait()
        return client.publish(bundle.path).created

    with ThreadPoolExecutor(len(clients)) as pool:
        created = list(pool.map(publish, clients))

    assert sorted(created) == [False, False, True]
    assert b"".join(clients[0].download(bundle.manifest.files["weights.onnx"].sha256)) == LARGE


def test_pieces_may_be_taken_away_at_any_moment(tmp_path: Path, overtaken_at_each_call: Callable[..., int]) -> None:
    digest = "0" * 64

    def begun() -> LocalStore:
        store = LocalStore(Path(tempfile.mkdtemp(dir=tmp_path)))
        Uploads(store).write_part(digest, 0, b"01")
        return store

    def go_on(store: Any) -> None:
        uploads = Uploads(store)
        assert uploads.end(digest) in (0, 2)
        uploads.write_part(digest, 0, b"0123")

    def look(store: LocalStore) -> None:
        assert Uploads(store).end(digest) in (0, 4)

    assert overtaken_at_each_call(begun, go_on, lambda store: Uploads(store).clear(digest), look) == 5


def test_who_breaks_off_what_somebody_else_has_completed_leaves_no_pieces(store: LocalStore) -> None:
    digest, half = hashlib.sha256(LARGE).hexdigest(), MEBIBYTE // 2
    uploads = Uploads(store, MEBIBYTE)
    slow, quick = (BlobWriter(uploads, digest, len(LARGE), 0) for _ in range(2))

    def write(writer: BlobWriter, begin: int, end: int) -> bool:
        return [writer.write(offset, LARGE[offset : offset + half]) for offset in range(begin, end, half)][-1]

    assert not write(slow, 0, half)
    assert write(quick, 0, len(LARGE))
    assert not write(slow, half, 3 * half)
    slow.keep()
    assert uploads.blob_size(digest) == len(LARGE)
    assert list(store.list(layout.parts(digest))) == []


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return generate_key()


def test_only_signed_bundles_where_keys_are_trusted(
    start: Callable[..., RegistryServer],
    connect: Callable[..., RegistryClient],
    make_bundle: Callable[..., Bundle],
    key: Ed25519PrivateKey,
    tmp_path: Path,
) -> None:
    save_public_key(key.public_key(), tmp_path / "trusted.pem")
    server = start(trusted_keys=str(tmp_path / "trusted.pem"))
    client = connect(server)
    signed = make_bundle("1.0.0", key=key)

    with pytest.raises(IntegrityError, match="not signed"):
        client.publish(make_bundle("1.0.1").path)
    with pytest.raises(IntegrityError, match="not that of a trusted key"):
        client.publish(make_bundle("1.0.2", key=generate_key()).path)
    tampered = signed.manifest_bytes.replace(b"1.0.0", b"1.0.3")
    with pytest.raises(IntegrityError, match="was changed"):
        client.prepare_publish(tampered, signed.signature)
    assert client.list_versions().versions == ()

    published = client.publish(signed.path)

    assert published.version.signed
    assert client.get_version(TASK, "1.0.0").signature == signed.signature


def test_a_manifest_that_was_changed_in_the_store_is_noticed(
    client: RegistryClient, make_bundle: Callable[..., Bundle], store: LocalStore
) -> None:
    bundle = make_bundle()
    client.publish(bundle.path)
    key = f"blobs/sha256/{bundle.digest}"
    stored = store.read(key)
    store.replace(key, stored.data.replace(b"linear", b"others"), stored.etag)

    with pytest.raises(IntegrityError, match="was changed in the store"):
        client.get_version(TASK, "1.0.0")
    with pytest.raises(IntegrityError, match="was changed in the store"):
        client.promote(TASK, "1.0.0", "production")


def test_versions_are_listed_as_semantic_versions(client: RegistryClient, make_bundle: Callable[..., Bundle]) -> None:
    for version in ("1.9.0", "1.10.0", "1.10.0-rc.2", "0.1.0", "1.10.0-rc.10"):
        client.publish(make_bundle(version, version.encode()).path)
    client.publish(make_bundle("3.0.0", task="another.task").path)

    listing = client.list_versions()

    assert [(version.task, version.version) for version in listing.versions] == [
        ("another.task", "3.0.0"),
        (TASK, "1.10.0"),
        (TASK, "1.10.0-rc.10"),
        (TASK, "1.10.0-rc.2"),
        (TASK, "1.9.0"),
        (TASK, "0.1.0"),
    ]
    assert [version.version for version in client.list_versions("another.task").versions] == ["3.0.0"]


def test_what_is_not_there_is_not_found(client: RegistryClient) -> None:
    with pytest.raises(NotFound, match=r"test\.sounds has no version 1\.0\.0"):
        client.get_version(TASK, "1.0.0")
    with pytest.raises(NotFound, match="nothing of task"):
        client.list_versions(TASK)
    with pytest.raises(InvalidInput, match="not a semantic version"):
        client.get_version(TASK, "latest")
    with pytest.raises(InvalidInput, match="not the name of a task"):
        client.get_version("../../etc", "1.0.0")
    assert client.list_versions().versions == ()


def test_a_stray_file_is_no_version(
    client: RegistryClient, make_bundle: Callable[..., Bundle], store: LocalStore
) -> None:
    client.publish(make_bundle().path)
    store.create(f"models/{TASK}/versions/notes.txt", b"")
    store.create(f"models/{TASK}/versions/latest.json", b"{}")

    assert [version.version for version in client.list_versions().versions] == ["1.0.0"]
