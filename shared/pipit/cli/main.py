"""`pipit`: the table of commands, and the options that all of them share."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Annotated, ClassVar

import typer

from pipit.cli.app import App, help_of
from pipit.cli.exit_codes import MEANINGS
from pipit.cli.lazy import LazyCommand, LazyGroup
from pipit.cli.output import print_line
from pipit.logging import configure_logging

_TRAIN, _REGISTRY, _SERVE, _HERE = "Train", "Registry", "Serve", "This machine"
_TRAINER = "services/{domain}[train]"


class PipitGroup(LazyGroup):
    """Every command of Pipit itself."""

    lazy: ClassVar[Mapping[str, LazyCommand]] = {
        "data": LazyCommand("pipit.cli.data:app", "Fetch public data sets; check your own.", _TRAIN, "shared[data]"),
        "train": LazyCommand("pipit.cli.train:train", "Train a task and make a bundle of it.", _TRAIN, _TRAINER),
        "evaluate": LazyCommand("pipit.cli.evaluate:evaluate", "Measure a bundle on labelled data.", _TRAIN, _TRAINER),
        "export": LazyCommand("pipit.cli.export:export", "Export a trained network's variants.", _TRAIN, _TRAINER),
        "bench": LazyCommand("pipit.cli.bench:bench", "Time a bundle's variants on this machine.", _TRAIN, _TRAINER),
        "label": LazyCommand("pipit.cli.label.command:app", "Label examples; make data sets of them.", _TRAIN),
        "publish": LazyCommand("pipit.cli.publish:publish", "Send a bundle to the registry.", _REGISTRY),
        "models": LazyCommand("pipit.cli.models:models", "List versions and environments.", _REGISTRY),
        "promote": LazyCommand("pipit.cli.promote:promote", "Point an environment to a version.", _REGISTRY),
        "rollout": LazyCommand("pipit.cli.rollout:app", "A version on its way over the devices.", _REGISTRY),
        "rollback": LazyCommand("pipit.cli.promote:rollback", "Point it back to the version before.", _REGISTRY),
        "history": LazyCommand("pipit.cli.history:history", "Who moved an environment, when and why.", _REGISTRY),
        "audit": LazyCommand("pipit.cli.audit:audit", "Who did what; check that the log is whole.", _REGISTRY),
        "devices": LazyCommand("pipit.cli.devices:app", "Which devices there are; their tokens.", _REGISTRY),
        "examples": LazyCommand("pipit.cli.examples:app", "What devices keep to be labelled; consent.", _REGISTRY),
        "pin": LazyCommand("pipit.cli.pin:pin", "Keep one device at a version.", _REGISTRY),
        "unpin": LazyCommand("pipit.cli.pin:unpin", "Let it follow its environment again.", _REGISTRY),
        "keys": LazyCommand("pipit.cli.keys:app", "Keys that sign bundles, or seal galleries.", _REGISTRY),
        "serve": LazyCommand("pipit.cli.serve:serve", "Run an inference server.", _SERVE),
        "classify": LazyCommand(
            "pipit.cli.classify:classify", "Ask a server what is in a file.", _SERVE, "shared[audio,cli]"
        ),
        "feedback": LazyCommand("pipit.cli.feedback:feedback", "Say what an answer should have been.", _SERVE),
        "faces": LazyCommand("pipit.cli.faces:app", "Make people known; forget them again.", _SERVE),
        "new-task": LazyCommand("pipit.cli.new_task:new_task", "Write the skeleton of a task.", _HERE),
        "doctor": LazyCommand("pipit.cli.doctor:doctor", "What is installed here, and what can run.", _HERE),
        "demo": LazyCommand("pipit.cli.demo.command:demo", "The whole way once, on this machine.", _HERE, _TRAINER),
    }


_EPILOG = "\n".join(["Exit codes:", *(f"{code.value:>5}  {text}" for code, text in MEANINGS.items())])

app = App(
    cls=PipitGroup,
    rich_markup_mode="rich",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print_line(f"pipit {version('pipit-shared')}")
        raise typer.Exit


def _root(
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Show stack traces and the log.")] = False,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """Train networks that hear and see, keep them in a registry, serve them on small computers.

    The whole way once:
      pipit data synthesise TASK      (or bring your own)
      pipit train TASK --recipe synthetic --data data
      pipit registry serve            (in another terminal)
      pipit publish runs/TASK/RUN
      pipit promote TASK 1.0.0 production
      pipit serve TASK --environment production
      pipit classify FILE

    `pipit COMMAND --help` explains a command with examples. `pipit demo` does all of it in a few minutes.
    """
    configure_logging("DEBUG" if debug else "WARNING", "console")


app.callback(help=help_of(_root))(_root)


def main() -> None:
    """Entry point of the console script."""
    app(prog_name="pipit")


if __name__ == "__main__":
    main()
