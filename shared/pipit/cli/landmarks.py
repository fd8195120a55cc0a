"""`pipit data landmarks`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pipit.cli.output import JsonOption, print_json, print_line
from pipit.data.synthetic import mark_synthetic, synthetic_among
from pipit.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from pipit.landmarks.files import LandmarkTable

_LISTED = 20


def landmarks(
    *,
    input_folder: Annotated[Path, typer.Option("--input", help="Folder of pictures and videos, at any depth.")],
    output: Annotated[Path, typer.Option("--output", help="Landmark file to write, for example faces.npz.")],
    faces: Annotated[int, typer.Option(help="At most so many faces a picture, largest first; 0: all.", min=0)] = 1,
    body: Annotated[bool, typer.Option(help="Look for the body too; without, its features are 0.")] = True,
    frames_per_second: Annotated[
        float, typer.Option(help="Of a video, look at no more than these; 0: at all.", min=0)
    ] = 0,
    processes: Annotated[int, typer.Option(help="Processes at work; 0: one a core.", min=0)] = 0,
    json: JsonOption = False,
) -> None:
    """Find faces and bodies in a folder of pictures and videos, and write their landmarks to a file.

    An interrupted run goes on where it stopped. Run again later, it looks only at what is new or has changed. Pictures
    without a face are listed beside the file, in FILE.without_face.txt.

    For example:
      pipit data landmarks --input data/expressions/fer2013 --output fer2013.npz
      pipit data landmarks --input recordings --output recordings.npz --frames-per-second 10
    """
    if output.suffix != ".npz":
        raise InvalidInput(f"a landmark file ends in .npz; name it {output.with_suffix('.npz')}")
    try:
        # Most uses of `pipit data` need none of this, and many environments lack it.
        from pipit.landmarks.extract import ExtractOptions, extract_folder  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise NotFound(
            f"the package {error.name!r} is not installed here; "
            "in the repository, run: pip install --editable 'shared[image,landmarks,video]'"
        ) from error
    options = ExtractOptions(faces or None, body, frames_per_second or None)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task(escape(str(input_folder)), total=None)
        table = extract_folder(
            input_folder,
            output,
            options,
            processes=processes or None,
            advance=lambda done, total: bars.update(bar, completed=done, total=total),
        )
    synthetic = synthetic_among([input_folder])
    if synthetic:
        mark_synthetic(output, synthetic)
    listed = output.with_suffix(".without_face.txt")
    listed.write_text("".join(f"{file}\n" for file in table.without_face), "utf-8")
    if json:
        print_json(_summary(table, output, listed))
    else:
        _show(table, output, listed)


def _summary(table: LandmarkTable, output: Path, listed: Path) -> dict[str, object]:
    return {
        "output": output,
        "files": len(table.sources.file),
        "pictures": int(table.sources.pictures.sum()),
        "faces": len(table.features),
        "files_without_face": len(table.without_face),
        "without_face": listed,
        "problems": table.problems,
    }


def _show(table: LandmarkTable, output: Path, listed: Path) -> None:
    sources = table.sources
    print_line(
        f"{len(table.features)} faces in {int(sources.pictures.sum())} pictures of {len(sources.file)} files: "
        f"{escape(str(output))}"
    )
    print_line(f"{len(table.without_face)} files without a face: {escape(str(listed))}")
    problems = list(table.problems.items())
    for file, problem in problems[:_LISTED]:
        print_line(f"[red]bad[/red] {escape(file)}: {escape(problem)}")
    if len(problems) > _LISTED:
        print_line(f"… and {len(problems) - _LISTED} more that can't be read")
