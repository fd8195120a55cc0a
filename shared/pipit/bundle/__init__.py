"""Bundles: the immutable directory that a trainer makes and a device serves, and nothing else crosses between them.

    write_bundle(directory, manifest, files, signing_key)  ->  open_bundle(directory, trusted_keys)  ->  check_golden(…)

The layout on disk is described in `docs/bundle.md`.
"""

from pipit.bundle.golden import check_golden, read_golden, run_once, score_matrix, write_golden
from pipit.bundle.manifest import GOLDEN_FILE, MANIFEST_FILE, SIGNATURE_FILE, FileEntry, Manifest
from pipit.bundle.manifest_file import MAX_MANIFEST_BYTES, check_manifest, dump_manifest, parse_manifest
from pipit.bundle.reader import Bundle, check_file, open_bundle
from pipit.bundle.version import SemanticVersion
from pipit.bundle.writer import write_bundle

__all__ = [
    "GOLDEN_FILE",
    "MANIFEST_FILE",
    "MAX_MANIFEST_BYTES",
    "SIGNATURE_FILE",
    "Bundle",
    "FileEntry",
    "Manifest",
    "SemanticVersion",
    "check_file",
    "check_golden",
    "check_manifest",
    "dump_manifest",
    "open_bundle",
    "parse_manifest",
    "read_golden",
    "run_once",
    "score_matrix",
    "write_bundle",
    "write_golden",
]
