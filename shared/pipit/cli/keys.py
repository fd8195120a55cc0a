"""`pipit keys`: the Ed25519 pairs that sign bundles, and the keys that seal galleries."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipit.bundle.signing import generate_key, key_id, load_private_key, load_public_key, save_private_key
from pipit.bundle.signing import save_public_key as save_public
from pipit.cli.app import App
from pipit.cli.output import JsonOption, print_json, print_line
from pipit.errors import AlreadyExists, InvalidInput
from pipit.faces.sealing import GalleryKey

app = App(no_args_is_help=True, help="Make keys that sign bundles or seal galleries.")


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
