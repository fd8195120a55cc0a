"""`pipit new-task`: the skeleton of a task, which trains and can be served as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from pipit.cli.output import print_line
from pipit.skeleton import write_task


def new_task(
    task: Annotated[str, typer.Argument(metavar="DOMAIN.TASK", help="For example garden.birds.")],
    *,
    kind: Annotated[
        Literal["audio", "image", "face", "series"], typer.Option("--input", help="What the task is asked about.")
    ],
    framework: Annotated[
        Literal["keras", "torch"], typer.Option("--framework", help="What trains it: keras (LiteRT) or torch (ONNX).")
    ],
    root: Annotated[Path, typer.Option("--root", help="The checkout.", file_okay=False)] = Path(),
) -> None:
    """Write the skeleton of a task into this checkout; a domain that is not there is made with it.

    It has pipeline, recipe, data, network and trainer, a test, and a small set of data that a program makes, so that it
    trains and answers from the first moment on. docs/guides/add-a-task.md says how to go on.

    For example:
      pipit new-task garden.birds --input audio --framework keras
    """
    written = write_task(root.resolve(), task, kind, framework)
    for path in written.files:
        print_line(str(path.relative_to(root.resolve())))
    domain = task.partition(".")[0]
    print_line("")
    if written.new_domain and written.locks_from is None:
        print_line(f"next: make lock ARGS={domain}       # no other domain has all packages that it needs")
    elif written.locks_from is not None:
        print_line(f"its packages are locked as those of {written.locks_from}, which has all of them;")
        print_line(f"make lock ARGS={domain} locks those alone that it needs, for a smaller image")
    if written.new_domain:
        print_line("next: make domains            # what stands elsewhere: compose, images, Kubernetes")
    print_line(f"next: make shell TASK={task}")
    print_line(f"      pipit data synthesise {task} && pipit train {task}")
