"""`pipit keys`: the Ed25519 pairs that sign bundles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipit.bundle.signing import generate_key, key_id, load_private_key, load_public_key, save_private_key
from pipit.bundle.signing import save_public_key as save_public
from pipit.cli.app import App
from pipit.cli.output import JsonOption, print_json, print_line
from pipit.errors import AlreadyExists, InvalidInput

app = App(no_args_is_help=True, help="Make keys that sign bundles.")


@app.command()
def generate(
    path: Annotated[Path, typer.Argument(help="Where the private key goes; the public one gets .pub after it.")],
    *,
    json: JsonOption = False,
) -> None:
    """Make a pair of keys: the private one signs bundles, the public one goes to the devices.

    For example:
      pipit keys generate ~/.config/pipit/signing.pem
      PIPIT_SIGNING_KEY=~/.config/pipit/signing.pem pipit train TASK
    """
    public = path.with_name(path.name + ".pub")
    if public.exists():
        raise AlreadyExists(f"{public} exists; choose another name, a key is never written over")
    key = generate_key()
    path.parent.mkdir(parents=True, exist_ok=True)
    save_private_key(key, path)
    save_public(key.public_key(), public)
    identity = key_id(key.public_key())
    if json:
        print_json({"private_key": path, "public_key": public, "id": identity})
        return
    print_line(f"key [bold]{identity}[/bold]")
    print_line(f"  {path}      keep it secret; PIPIT_SIGNING_KEY={path} signs new bundles with it")
    print_line(f"  {public}  give it to the devices that shall trust it: PIPIT_TRUSTED_KEYS")


@app.command()
def show(
    path: Annotated[Path, typer.Argument(help="A private or public key.")],
    *,
    json: JsonOption = False,
) -> None:
    """Print the short id of a key, as logs and errors name it.

    For example:
      pipit keys show signing.pem.pub
    """
    try:
        identity = key_id(load_public_key(path))
    except InvalidInput:
        identity = key_id(load_private_key(path).public_key())
    if json:
        print_json({"path": path, "id": identity})
    else:
        print_line(identity)
