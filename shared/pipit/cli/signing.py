"""The key that this user signs bundles with: where it lies, and what a publish does with it.

signed already, by a key that the registry trusts ──────────────> published as it is
no key here, and none in the registry ──> makes one, tells where ─┐
a key here ───────────────────────────────────────────────────────┴> signs ──> published
no key here, but the registry has keys ──> refused, with what to do
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pipit.bundle import Bundle, open_bundle
from pipit.bundle.keys import KeyList, SigningKey, find_signer, raw_key, why_revoked
from pipit.bundle.signing import generate_key, key_id, load_private_key, save_private_key, save_public_key, sign
from pipit.cli.output import say
from pipit.cli.settings import CliSettings
from pipit.errors import Conflict, PermissionDenied, UntrustedSignature
from pipit.registry import RegistryClient
from pipit.registry.client import Progress
from pipit.registry.types import PublishedVersion

DEFAULT_KEY = Path("~/.config/pipit/signing.pem")
_PASSING_KINDS = {"overlay", "tmpfs", "ramfs", "aufs"}
"""File systems whose content goes with the container, or with the next start."""


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A private key, and the file that it lies in."""

    path: Path
    key: Ed25519PrivateKey

    @property
    def id(self) -> str:
        """As logs and errors name it."""
        return key_id(self.key.public_key())

    @property
    def listed(self) -> SigningKey:
        """As the registry is told of it."""
        return SigningKey(raw_key(self.key.public_key()))


def key_path(settings: CliSettings) -> Path:
    """Where the key lies, or would."""
    return (settings.signing_key or DEFAULT_KEY).expanduser()


def public_path(path: Path) -> Path:
    """Where the public half of a private key lies."""
    return path.with_name(path.name + ".pub")


def own_key(settings: CliSettings) -> OwnKey | None:
    """None where no setting names a key and none was made yet. Raises NotFound for a name without a file."""
    path = key_path(settings)
    if settings.signing_key is None and not path.exists():
        return None
    return OwnKey(path, load_private_key(path))


def make_key(path: Path) -> OwnKey:
    """Makes a pair at `path`, for its owner's eyes alone. Raises AlreadyExists."""
    made = OwnKey(path, generate_key())
    path.parent.mkdir(parents=True, exist_ok=True)
    save_private_key(made.key, path)
    save_public_key(made.key.public_key(), public_path(path))
    return made


def publish_signed(
    client: RegistryClient, folder: Path, settings: CliSettings, progress: Progress | None = None
) -> PublishedVersion:
    """Publishes a bundle, signed if there is, or can be, a key; see the module.

    Raises what `RegistryClient.publish` raises.
    """
    bundle = open_bundle(folder)
    own, listed = own_key(settings), client.list_keys()
    if not bundle.signature and own is None:
        own = _first_key(client, settings, listed)
    if own is not None:
        _introduce(client, own, listed)
    if own is None or (bundle.signature and _is_trusted(bundle, listed)):
        return client.publish(folder, progress)
    return client.publish(folder, progress, signature=sign(own.key, bundle.manifest_bytes))


def _is_trusted(bundle: Bundle, listed: KeyList) -> bool:
    """Whether the registry would take its signature."""
    known = {key.id: key for key in listed.keys}
    revoked = {identity: why_revoked(key) for identity, key in known.items() if key.revoked_at is not None}
    try:
        find_signer(bundle.signature, bundle.manifest_bytes, known, revoked, datetime.now(UTC))
    except UntrustedSignature:
        return not known
    return True


def _first_key(client: RegistryClient, settings: CliSettings, listed: KeyList) -> OwnKey | None:
    path = key_path(settings)
    if listed.keys:
        raise UntrustedSignature(
            f"the registry at {client.address} takes only bundles that a key of its list signed, and there is no key "
            f"at {path}: name one in PIPIT_SIGNING_KEY, or make one (pipit keys generate) and have an operator run "
            "pipit keys trust with its public half"
        )
    if not _lasts(path):
        say(f"published unsigned: {path.parent} would be gone with this container; name a key in PIPIT_SIGNING_KEY")
        return None
    own = make_key(path)
    say(f"made the key {own.id} at {path}, which signs what you publish; keep it secret, and keep a copy of it")
    return own


def _introduce(client: RegistryClient, own: OwnKey, listed: KeyList) -> None:
    """Makes a registry trust this key if that has none, and nothing that would be refused from then on."""
    if listed.keys:
        return
    unsigned = sum(not version.signed for version in client.list_versions().versions)
    if unsigned:
        say(
            f"the registry checks no signatures yet, for {unsigned} of its versions are unsigned; `pipit keys trust "
            "--sign` signs those in use, and makes it check"
        )
        return
    try:
        client.trust_key(own.listed, expected_revision=0)
    except PermissionDenied:
        say(f"the registry trusts no key yet; have an operator run: pipit keys trust {public_path(own.path)}")
    except Conflict:
        say("somebody else has told the registry of another key; have them run: pipit keys trust")
    else:
        say(f"the registry takes from now on only what the key {own.id} signed, or another that you trust with it")


def _lasts(path: Path) -> bool:
    """Whether a file there outlives this process's container; True where nothing says otherwise."""
    folder = next((parent for parent in path.parents if parent.exists()), path.parent).resolve()
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/self/mounts").read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError):
        return True
    kinds = {point: kind for point, kind in mounts if folder.is_relative_to(point)}
    return not kinds or kinds[max(kinds, key=len)] not in _PASSING_KINDS
