"""A whole training of `home_security.sounds`: a script written after the guide, and `pipit train`, on the same clips.

    python tests/load/bench_training.py                          # both networks, 2 and 6 epochs: some 10 minutes
    python tests/load/bench_training.py --network small --epochs 2 --ways "pipit, first" guide --work FOLDER

The second form measures a piece: other rows of the CSV stay, and FOLDER keeps what further pieces go on from.

Needs esc50 in the folder that PIPIT_DATA names. Same clips, same split, same network, batches of 32, no varied copies.
Each way is a process of its own, from its start to its end, by the clock and by the processor's time:

    guide          `guide_training.py`: librosa inside tf.data, every epoch anew
    guide, cached  the same with `.cache()`
    pipit, first   `pipit train` into an empty folder of runs: features are made, and everything after the fit is done
    pipit, again   the same with another learning rate: features are kept from before

They do not do the same at the end. The guide's tests once and exports one file, of 8 bits; `pipit train` measures
thresholds, noise, distance and silence, twice, exports three files, compares them, and makes a bundle. Phases tell what
costs what: those of `pipit train` are its steps, `rest` is imports and all else. With 2 and 6 epochs measured, rows of
`one epoch` say what each further one costs: a quarter of their difference.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from measure import MEASURED, write_csv
from pipit.settings import DataSettings, load_settings

NAME = "training_speed"
TASK = "home_security.sounds"
NETWORKS = ("small", "guide")
EPOCHS = (2, 6)
CLIPS_OF_A_CLASS = 8
"""Few, because two cores train the guide's network slowly; an epoch grows with them on both sides alike."""
PACKAGES = ("tensorflow-cpu", "keras", "librosa", "numpy")
PHASES = ("features", "fit", "evaluate", "export", "verify", "publish", "rest")
STEPS = {"prepare": "features"}
"""Names of steps whose phase is called otherwise."""
UNVARIED = ("augmentation.copies=0", "augmentation.quiet=0", "augmentation.masks=0", "augmentation.mixup=0")
WAYS = ("pipit, first", "guide", "guide, cached", "pipit, again")
"""In this order: the first makes the split that the guide's script is given."""
LEARNING_RATES = {"pipit, first": 0.001, "pipit, again": 0.0009}
ONE_EPOCH = "one epoch"


@dataclass(frozen=True)
class Taken:
    """By one process. seconds: by the clock. processor_seconds: of all its threads. phases: seconds of each."""

    seconds: float
    processor_seconds: float
    phases: Mapping[str, float]


def run(command: Sequence[object]) -> tuple[str, float, float]:
    """What it prints, seconds by the clock, seconds of the processor. Ends this program if it fails."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    begun = perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [str(part) for part in command], env=environment, stdout=output, stderr=subprocess.DEVNULL
        )
        _, status, used = os.wait4(process.pid, 0)
        seconds = perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        printed = output.read().decode()
    if process.returncode:
        sys.exit(f"{' '.join(map(str, command))} ended with {process.returncode}:\n{printed}")
    return printed, seconds, used.ru_utime + used.ru_stime


def subset(source: Path, folder: Path, of_a_class: int) -> int:
    """Leaves a part of ESC-50 in `folder`, in its layout, the first clips of each class; gives how many."""
    audio = folder / "audio"
    audio.mkdir(parents=True)
    (folder / "meta").mkdir()
    with (source / "meta" / "esc50.csv").open() as file:
        rows = list(csv.DictReader(file))
    seen: dict[str, int] = {}
    kept = []
    for row in rows:
        seen[row["category"]] = seen.get(row["category"], 0) + 1
        if seen[row["category"]] <= of_a_class:
            kept.append(row)
            for path in (source / "audio").glob(f"{Path(row['filename']).stem}.*"):
                (audio / path.name).symlink_to(path.resolve())
    with (folder / "meta" / "esc50.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(kept)
    return len(kept)


def write_sides(runs: Path, network: str, data: Path, path: Path) -> str:
    """The split of the runs there as the guide's script reads it. Gives the clips that train, validate and test."""
    prepared = sorted((runs / TASK).glob(f"{network}-*/prepare/items.json"))
    if not prepared:
        sys.exit(f"{runs} has no split of {network} yet; measure 'pipit, first' before")
    items = json.loads(prepared[0].read_bytes())
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["side", "file", "label"])
        writer.writerows([item["side"], data / item["name"], item["label"]] for item in items)
    return " + ".join(str(sum(item["side"] == side for item in items)) for side in ("train", "validation", "test"))


def train_pipit(network: str, epochs: int, data: Path, runs: Path, learning_rate: float) -> Taken:
    """`pipit train` by the recipe of that name, without anything that varies clips; it runs for all its epochs."""
    values = [*UNVARIED, f"epochs={epochs}", f"early_stopping_patience={epochs}"]
    settings = [part for value in (*values, f"optimiser.learning_rate={learning_rate}") for part in ("--set", value)]
    pipit = Path(sys.executable).with_name("pipit")
    command = [pipit, "train", TASK, "--recipe", network, *settings, "--data", data, "--runs", runs]
    printed, seconds, processor = run([*command, "--json"])
    steps = json.loads(printed)["steps"]
    phases = {STEPS.get(step["step"], step["step"]): float(step["seconds"]) for step in steps if step["ran"]}
    return Taken(seconds, processor, {**phases, "rest": seconds - sum(phases.values())})


def train_guide(network: str, epochs: int, clips: Path, *, cached: bool) -> Taken:
    """The guide's script; its features are part of its fit."""
    script = Path(__file__).with_name("guide_training.py")
    command = [sys.executable, script, clips, "--network", network, "--epochs", epochs]
    printed, seconds, processor = run([*command, *(["--cache"] if cached else [])])
    phases = {name: float(value) for name, value in json.loads(printed.splitlines()[-1])["seconds"].items()}
    del phases["imports"]
    return Taken(seconds, processor, {**phases, "rest": seconds - sum(phases.values())})


def measure(network: str, epochs: int, way: str, source: Path, of_a_class: int, work: Path) -> dict[str, object]:
    """One process; its row of the CSV. work: a folder that keeps what later ways go on from."""
    data, runs, sides = work / "data", work / f"runs-{network}", work / f"{network}.csv"
    if not data.exists():
        subset(source, data / "esc50", of_a_class)
    if way == "pipit, first":
        shutil.rmtree(runs, ignore_errors=True)
    elif way == "pipit, again":
        for folder in (runs / TASK).glob("*"):
            shutil.rmtree(folder)
    if way in LEARNING_RATES:
        taken = train_pipit(network, epochs, data, runs, LEARNING_RATES[way])
        clips = write_sides(runs, network, data, sides)
    else:
        clips = write_sides(runs, network, data, sides)
        taken = train_guide(network, epochs, sides, cached=way == "guide, cached")
    return row(network, str(epochs), way, clips, taken)


def row(network: str, epochs: str, way: str, clips: str, taken: Taken) -> dict[str, object]:
    """One row of the CSV; ratios come later."""
    phases = {f"{name}_s": f"{taken.phases[name]:.2f}" if name in taken.phases else "" for name in PHASES}
    totals = {"seconds": f"{taken.seconds:.2f}", "processor_seconds": f"{taken.processor_seconds:.2f}"}
    return {"network": network, "epochs": epochs, "way": way, "clips": clips, **totals, **phases}


def further_epochs(rows: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    """What one more epoch costs, of each network and way that both numbers of epochs were measured for."""
    few, many = EPOCHS
    by_key = {key(one): one for one in rows}
    found = []
    for network in NETWORKS:
        for way in WAYS:
            short, long = (by_key.get((network, str(epochs), way)) for epochs in EPOCHS)
            if short is None or long is None:
                continue
            gained = {
                name: (float(str(long[name])) - float(str(short[name]))) / (many - few)
                for name in ("seconds", "processor_seconds", "fit_s")
            }
            taken = Taken(gained["seconds"], gained["processor_seconds"], {"fit": gained["fit_s"]})
            found.append(row(network, ONE_EPOCH, way, str(long["clips"]), taken))
    return found


def with_ratios(rows: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    """How many times as long the guide's script, as written, takes: by the clock, by the processor, for the fit alone.

    In the guide's script the features are made within the fit.
    """
    found, by_key = [], {key(one): one for one in rows}
    for one in rows:
        guide = by_key.get((str(one["network"]), str(one["epochs"]), "guide"))
        ratios = {
            f"guide_over_this_{name}": round(float(str(guide[column])) / float(str(one[column])), 2) if guide else ""
            for name, column in (("clock", "seconds"), ("processor", "processor_seconds"), ("fit", "fit_s"))
        }
        found.append({**one, **ratios})
    return found


def measured_before(now: Set[tuple[str, str, str]]) -> list[dict[str, object]]:
    """Rows of the CSV that are not measured now. now: network, epochs and way of those that are."""
    path = MEASURED / f"{NAME}.csv"
    if not path.exists():
        return []
    with path.open() as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    kept = [one for one in rows if one["epochs"] != ONE_EPOCH and key(one) not in now]
    return [{name: value for name, value in one.items() if not name.startswith("guide_over")} for one in kept]


def key(one: Mapping[str, object]) -> tuple[str, str, str]:
    """What tells a row from others."""
    return str(one["network"]), str(one["epochs"]), str(one["way"])


def main() -> None:
    """Prints and writes `docs/measured/training_speed.csv`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=NETWORKS, nargs="+", default=NETWORKS)
    parser.add_argument("--epochs", type=int, choices=EPOCHS, nargs="+", default=EPOCHS)
    parser.add_argument("--ways", choices=WAYS, nargs="+", default=WAYS)
    parser.add_argument("--work", type=Path, help="folder that keeps data and features between pieces")
    parser.add_argument("--clips", type=int, default=CLIPS_OF_A_CLASS, help="of a class, at most (default: 8)")
    arguments = parser.parse_args()
    data = load_settings(DataSettings).data
    if data is None or not (data / "esc50" / "meta" / "esc50.csv").is_file():
        sys.exit("needs real clips: set PIPIT_DATA to a folder that holds esc50 (pipit data fetch esc50)")
    asked = [
        (network, epochs, way)
        for network in arguments.network
        for epochs in arguments.epochs
        for way in WAYS
        if way in arguments.ways
    ]
    rows = measured_before({(network, str(epochs), way) for network, epochs, way in asked})
    with tempfile.TemporaryDirectory(prefix="pipit-training-") as temporary:
        work = (arguments.work or Path(temporary)).absolute()
        for one in asked:
            rows.append(measure(*one, data / "esc50", arguments.clips, work))
            rows.sort(key=lambda one: (one["network"] != "small", one["epochs"], WAYS.index(str(one["way"]))))
            # After each, for a whole measurement takes long.
            write_csv(NAME, with_ratios([*rows, *further_epochs(rows)]), PACKAGES)


if __name__ == "__main__":
    main()
