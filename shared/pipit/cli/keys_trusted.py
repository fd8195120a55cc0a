"""`pipit keys list`, `trust`, `rotate`, `revoke` and `sign`: whose bundles a registry and its devices take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from pipit.bundle.keys import KeyList, SigningKey, endorse, raw_key, why_revoked
from pipit.bundle.signing import load_private_key, load_public_key, sign
from pipit.cli.app import App
from pipit.cli.output import JsonOption, print_json, print_line, print_table
from pipit.cli.registry import RegistryOption, connected
from pipit.cli.settings import CliSettings
from pipit.cli.signing import OwnKey, key_path, make_key, own_key, public_path
from pipit.errors import GatesFailed, InvalidInput, NotFound
from pipit.registry import RegistryClient
from pipit.registry.types import Version
from pipit.settings import load_settings

ExpiresOption = Annotated[
    int, typer.Option("--expires", metavar="DAYS", min=0, help="It signs nothing new after so many days; 0: never.")
]


def list_(*, registry: RegistryOption = "", json: JsonOption = False) -> None:
    """List the keys that the registry knows: those that may sign bundles, and those that may no longer.

    For example:
      pipit keys list
    """
    with connected(registry) as client:
        listed = client.list_keys()
    if json:
        print_json({"revision": listed.revision, "keys": [{"id": key.id, **_plain(key)} for key in listed.keys]})
        return
    if not listed.keys:
        print_line("the registry trusts no key, and takes unsigned bundles; `pipit publish` tells it of yours")
        return
    own = own_key(load_settings(CliSettings))
    rows = [
        (
            key.id + (" (yours)" if own is not None and own.id == key.id else ""),
            escape(key.name),
            escape(key.added_by),
            "never" if key.expires_at is None else f"{key.expires_at:%Y-%m-%d}",
            _state(key),
            ", ".join(each.by for each in key.endorsements),
        )
        for key in listed.keys
    ]
    print_table(("key", "name", "added by", "expires", "state", "endorsed by"), rows)


def trust(
    public: Annotated[
        Path | None, typer.Argument(metavar="PUBLIC", help="PEM file of a public key. (default: your own)")
    ] = None,
    *,
    name: Annotated[str, typer.Option(help="Whose it is, for people.")] = "",
    expires: ExpiresOption = 0,
    sign_published: Annotated[
        bool, typer.Option("--sign", help="Sign with your key what environments point to and nobody has signed.")
    ] = False,
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """Make the registry, and the devices that follow it, take bundles that this key signed.

    Once it trusts one key, the registry takes no unsigned bundles. Devices that trust a key already take another one
    over only if a key that they trust endorses it, as yours does here if it is listed; others need it as a file, in
    their setting trusted_keys. Needs the role operator.

    For example:
      pipit keys trust anna.pub --name "Anna's laptop" --expires 365
      pipit keys trust --sign
    """
    own = own_key(load_settings(CliSettings))
    if public is None and own is None:
        raise NotFound("there is no key of yours yet; make one: pipit keys generate")
    key = load_public_key(public) if public is not None else _own(own).key.public_key()
    ends = None if not expires else (datetime.now(UTC) + timedelta(days=expires)).replace(microsecond=0)
    added = SigningKey(raw_key(key), name, expires_at=ends)
    with connected(registry) as client:
        listed = client.list_keys()
        unsigned = [] if listed.keys else _in_use(client, lambda version: not version.signed)
        if unsigned and not sign_published:
            named = ", ".join(version.name for version in unsigned)
            raise GatesFailed(
                f"environments point to versions that nobody signed ({named}), which devices would refuse from then "
                "on; sign them at the same time: pipit keys trust --sign"
            )
        if own is not None and _may_sign(own, listed) and own.id != added.id:
            added = replace(added, endorsements=(endorse(own.key, key, ends),))
        told = client.trust_key(added)
        if unsigned:
            signed = _sign(client, _own(own), unsigned)
    if json:
        print_json({"id": added.id, "revision": told.revision})
        return
    print_line(f"the registry trusts the key [bold]{added.id}[/bold]")
    if unsigned:
        print_line(f"signed: {', '.join(signed) or 'nothing'}")
    if listed.keys and not added.endorsements and added.id not in {each.id for each in listed.keys}:
        print_line("no key that devices trust endorses it, so give it to them as a file, in their setting trusted_keys")


def rotate(*, expires: ExpiresOption = 0, registry: RegistryOption = "", json: JsonOption = False) -> None:
    """Put a new key in the place of yours, endorsed by it, so that devices go over to it by themselves.

    The old key stays trusted, and stays beside the new one as a file, until you revoke it. Needs the role operator.

    For example:
      pipit keys rotate --expires 365
      pipit keys sign            (what environments point to, with the new key)
      pipit keys revoke OLD_ID --reason "rotated"
    """
    settings = load_settings(CliSettings)
    path = key_path(settings)
    old = _own(own_key(settings))
    made_at = path.with_name(f"{path.stem}.next{path.suffix}")
    # One that is there is of a rotation that broke off.
    new = OwnKey(made_at, load_private_key(made_at)) if made_at.exists() else make_key(made_at)
    ends = None if not expires else (datetime.now(UTC) + timedelta(days=expires)).replace(microsecond=0)
    endorsement = endorse(old.key, new.key.public_key(), ends)
    added = replace(new.listed, name=f"after {old.id}", expires_at=ends, endorsements=(endorsement,))
    with connected(registry) as client:
        listed = client.list_keys()
        if not _may_sign(old, listed):
            raise InvalidInput(
                f"the registry does not trust your key {old.id}, so it can endorse none; see pipit keys list, and have "
                "an operator trust a new one: pipit keys generate, pipit keys trust"
            )
        if new.id not in {key.id for key in listed.keys}:
            client.trust_key(added)
    kept = path.with_name(f"{path.stem}-{old.id}{path.suffix}")
    for before, after in ((path, kept), (made_at, path)):
        if public_path(before).exists():
            public_path(before).replace(public_path(after))
        before.replace(after)
    if json:
        print_json({"id": new.id, "private_key": path, "before": old.id, "kept": kept})
        return
    print_line(f"you sign with the key [bold]{new.id}[/bold] now, at {path}; the one before is at {kept}")
    print_line(f"next: pipit keys sign, then pipit keys revoke {old.id}")


def revoke(
    identity: Annotated[str, typer.Argument(metavar="ID", help="Of the key, as pipit keys list shows it.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; shown by devices.")] = "",
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """Take trust away from a key for good: nothing that it signed is taken or loaded any more.

    Devices that follow the registry hear of it at once, and remember it. What serves already goes on with an alarm,
    or stops where a device's setting `untrusted` is stop. A version that another key signed too is not touched: see
    pipit keys sign. Needs the role operator.

    For example:
      pipit keys revoke 3b1f0c2a9d8e7f65 --reason "the laptop was stolen"
    """
    with connected(registry) as client:
        listed = client.revoke_key(identity, reason)
        hit = _in_use(client, lambda version: bool(version.signed_by) and not _is_good(version, listed))
    if json:
        print_json({"id": identity, "revision": listed.revision, "in_use": [version.name for version in hit]})
        return
    print_line(f"the key [bold]{escape(identity)}[/bold] is revoked")
    for version in hit:
        print_line(
            f"nobody else signed {escape(version.name)}, which an environment points to: pipit keys sign "
            f"{version.task} {version.version}, or promote another"
        )


def sign_published(
    task: Annotated[str, typer.Argument(help="Only of this task. (default: all)")] = "",
    version: Annotated[str, typer.Argument(help="This version. (default: those that environments point to)")] = "",
    *,
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """Add your signature to versions in the registry: unsigned ones, or those of a key that is to be revoked.

    You say by it that they are good: look at who published them, and when (pipit models, pipit history). Their digest
    stays as it is, so that devices fetch only the signature. The registry has to trust your key.

    For example:
      pipit keys sign
      pipit keys sign TASK 1.2.0
    """
    own = _own(own_key(load_settings(CliSettings)))
    with connected(registry) as client:
        if version:
            chosen = [client.get_version(task, version).version]
        else:
            chosen = _in_use(client, lambda each: not task or each.task == task)
        signed = _sign(client, own, chosen)
    if json:
        print_json({"id": own.id, "signed": signed})
    else:
        print_line(f"signed with {own.id}: {', '.join(signed) or 'nothing; your key had signed all of it'}")


def add_commands(app: App) -> None:
    """Adds them to `pipit keys`."""
    app.command("list")(list_)
    app.command()(trust)
    app.command()(rotate)
    app.command()(revoke)
    app.command("sign")(sign_published)


def _own(own: OwnKey | None) -> OwnKey:
    if own is None:
        raise NotFound("there is no key of yours; make one (pipit keys generate), or name one in PIPIT_SIGNING_KEY")
    return own


def _plain(key: SigningKey) -> dict[str, object]:
    return {field: getattr(key, field) for field in SigningKey.__slots__}


def _state(key: SigningKey) -> str:
    if key.revoked_at is not None:
        return f"revoked {escape(why_revoked(key))}"
    return "expired" if key.is_expired(datetime.now(UTC)) else "trusted"


def _may_sign(own: OwnKey, listed: KeyList) -> bool:
    mine = next((key for key in listed.keys if key.id == own.id), None)
    return mine is not None and mine.revoked_at is None and not mine.is_expired(datetime.now(UTC))


def _is_good(version: Version, listed: KeyList) -> bool:
    """Whether a key that was not revoked signed it."""
    revoked = {key.id for key in listed.keys if key.revoked_at is not None}
    return any(key not in revoked for key in version.signed_by)


def _in_use(client: RegistryClient, wanted: Callable[[Version], bool]) -> list[Version]:
    """Those versions that an environment points to."""
    listing = client.list_versions()
    pointed = {(environment.task, environment.version) for environment in listing.environments}
    return [version for version in listing.versions if (version.task, version.version) in pointed and wanted(version)]


def _sign(client: RegistryClient, own: OwnKey, versions: Sequence[Version]) -> list[str]:
    """Names of those that were signed now."""
    signed = []
    for version in versions:
        manifest = client.get_version(version.task, version.version).manifest
        if client.add_signature(manifest, sign(own.key, manifest)).signature_added:
            signed.append(version.name)
    return signed
