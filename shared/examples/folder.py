"""What the answer to each file of a folder says, as CSV: file, label, score; both are empty where it says nothing.

A file that can't be answered does not stop the others.

python folder.py pi.local:50051 recordings > answers.csv
"""

import argparse
import csv
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pipit.client import Answer, Client
from pipit.errors import PipitError
from pipit.types import said

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("server", help="host:port")
parser.add_argument("folder", type=Path)
parser.add_argument("--task", default="", help="needed where the server has several")
parser.add_argument("--at-once", type=int, default=4, help="files that are under way at the same time")
options = parser.parse_args()


def ask(path: Path) -> Answer | PipitError:
    """One client serves all threads."""
    try:
        return client.classify(path)
    except PipitError as error:
        return error


files = sorted(path for path in options.folder.rglob("*") if path.is_file())
failed = 0
with Client(options.server, task=options.task) as client, ThreadPoolExecutor(options.at_once) as threads:
    table = csv.writer(sys.stdout)
    table.writerow(("file", "label", "score"))
    for path, answer in zip(files, threads.map(ask, files), strict=True):
        if isinstance(answer, PipitError):
            failed += 1
            print(f"{path}: {answer}", file=sys.stderr)
            continue
        best = said(answer.predictions)
        label, score = (best.label, f"{best.score:.4f}") if best else ("", "")
        table.writerow((path.relative_to(options.folder), label, score))
sys.exit(1 if failed else 0)
