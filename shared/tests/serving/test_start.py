"""What a start is spared: libraries that a server may never need, and a collector that looks through all modules."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from pipit.bundle.signing import generate_key, key_id, save_public_key
from tiny_server import MakeBundle

FOR_SOME = {"ai_edge_litert", "av", "cryptography", "onnxruntime", "PIL", "soundfile", "soxr"}
"""What some servers need, and others do without."""

OPEN = """
import json, sys
from pathlib import Path
import pipit.serving.__main__
from pipit.bundle import open_bundle
from pipit.bundle.keyring import Keyring

bundle = open_bundle(Path(sys.argv[1]), Keyring(files=[Path(name) for name in sys.argv[2:]]).check)
print(json.dumps([bundle.signed_by, list(sys.modules)]))
"""
COLLECTOR = """
import gc, json
import pipit.serving.__main__
print(json.dumps([gc.isenabled(), len(gc.get_objects()), gc.get_freeze_count()]))
"""


def said(script: str, *arguments: object) -> Any:
    """What a process of its own prints."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_a_bundle_is_opened_without_cryptography_where_no_key_is_trusted(make_bundle: MakeBundle) -> None:
    signed_by, modules = said(OPEN, make_bundle(key=generate_key()).path)
    assert signed_by is None
    assert FOR_SOME & set(modules) == set()


def test_a_trusted_key_brings_it(make_bundle: MakeBundle, tmp_path: Path) -> None:
    key = generate_key()
    save_public_key(key.public_key(), tmp_path / "owner.pem")
    signed_by, modules = said(OPEN, make_bundle(key=key).path, tmp_path / "owner.pem")
    assert signed_by == key_id(key.public_key())
    assert FOR_SOME & set(modules) == {"cryptography"}


def test_the_collector_works_and_passes_over_what_modules_made() -> None:
    works, looked_at, passed_over = said(COLLECTOR)
    assert works
    assert looked_at * 10 < passed_over
