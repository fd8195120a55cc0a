"""`pipit keys`: the Ed25519 pairs that sign bundles, whom a registry trusts, and the keys that seal galleries."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pipit.bundle.signing import key_id, load_private_key, load_public_key
from pipit.cli.app import App
from pipit.cli.keys_trusted import add_commands
from pipit.cli.output import JsonOption, print_json, print_line
from pipit.cli.settings import CliSettings
from pipit.cli.signing import key_path, make_key, public_path
from pipit.errors import AlreadyExists, InvalidInput
from pipit.faces.sealing import GalleryKey
from pipit.settings import load_settings

app = App(no_args_is_help=True, help="Keys that sign bundles: make, trust, rotate, revoke. Keys of galleries: make.")


@app.command()
def generate(
    path: Annotated[
        Path | None,
        typer.Argument(
            help="Where the private key goes; the public one gets .pub after it. "
            "(default: PIPIT_SIGNING_KEY, else ~/.config/pipit/signing.pem)"
        ),
    ] = None,
    *,
    json: JsonOption = False,
) -> None:
    """Make a pair of keys: the private one signs bundles, the public one goes to those who trust it.

    The first `pipit publish` does this by itself where there is no key yet. A key has no password: it is a file that
    only its owner may read, so keep it on a disk that is encrypted.

    For example:
      pipit keys generate
      pipit keys generate ci.pem
    """
    path = path or key_path(load_settings(CliSettings))
    if public_path(path).exists():
        raise AlreadyExists(f"{public_path(path)} exists; choose another name, a key is never written over")
    made = make_key(path)
    if json:
        print_json({"private_key": path, "public_key": public_path(path), "id": made.id})
        return
    print_line(f"key [bold]{made.id}[/bold]")
    print_line(f"  {path}      keep it secret; PIPIT_SIGNING_KEY={path} signs what you publish with it")
    print_line(f"  {public_path(path)}  for those who trust it: pipit keys trust, or a server's trusted_keys")


@app.command()
def show(
    path: Annotated[
        Path | None, typer.Argument(help="A private or public key. (default: the one that you sign with)")
    ] = None,
    *,
    json: JsonOption = False,
) -> None:
    """Print the short id of a key, as logs and errors name it.

    For example:
      pipit keys show
      pipit keys show signing.pem.pub
    """
    path = path or key_path(load_settings(CliSettings))
    identity = key_id(_public_half(path))
    if json:
        print_json({"path": path, "id": identity})
    else:
        print_line(identity)


@app.command()
def export(
    path: Annotated[
        Path | None, typer.Argument(help="A private or public key. (default: the one that you sign with)")
    ] = None,
) -> None:
    """Print the public half of a key, as a PEM file that may be given to anybody.

    For example:
      pipit keys export > anna.pub
    """
    key = _public_half(path or key_path(load_settings(CliSettings)))
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    typer.echo(pem.decode(), nl=False)


def _public_half(path: Path) -> Ed25519PublicKey:
    try:
        return load_public_key(path)
    except InvalidInput:
        return load_private_key(path).public_key()


@app.command()
def gallery(
    path: Annotated[Path, typer.Argument(help="Where the key goes.")],
    *,
    json: JsonOption = False,
) -> None:
    """Make the key that seals a gallery of people: for the devices that shall know them, and for nobody else.

    Without the key nobody can read the gallery again, and it can't be made anew: keep a copy in a safe place.

    For example:
      pipit keys gallery ~/.config/pipit/home.key
      PIPIT_SERVING_GALLERY_KEY=~/.config/pipit/home.key pipit serve TASK
    """
    key = GalleryKey.generate()
    path.parent.mkdir(parents=True, exist_ok=True)
    key.save(path)
    if json:
        print_json({"gallery_key": path, "id": key.id})
        return
    print_line(f"key [bold]{key.id}[/bold]")
    print_line(f"  {path}  keep a copy in a safe place, and give it to the devices that shall know the people:")
    print_line(f"  PIPIT_SERVING_GALLERY_KEY={path}; whoever has it can read their names and templates")


add_commands(app)
