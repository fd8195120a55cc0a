"""`pipit ads`: breaks of recordings, and of what is live."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pipit.cli.app import App
from pipit.cli.exit_codes import exit_code_of
from pipit.cli.output import JsonOption, print_json, print_json_line, print_line, print_table, say
from pipit.cli.settings import CliSettings
from pipit.client import Client
from pipit.data.spans.cuts import BREAK, CUT, MUTE
from pipit.data.synthetic import mark_synthetic, synthetic_among
from pipit.errors import InvalidInput, PipitError
from pipit.settings import load_settings
from rich.markup import escape

if TYPE_CHECKING:
    from pipit.data.frames.sources import RecordedFile

    from ad_detection.blocks.asking import Answering
    from ad_detection.blocks.skipping import Found

app = App(no_args_is_help=True, help="Find breaks in recordings, or as they run.")

_EDL_KINDS = {"break": BREAK, "cut": CUT, "mute": MUTE}
_ENDINGS = {"edl": ".edl", "chapters": ".ffmeta", "comskip": ".txt", "json": ".json"}

BundleOption = Annotated[
    str, typer.Option(metavar="RUN|BUNDLE", help="Blocks, in this process. (default: ask the server)")
]
MemberOption = Annotated[
    list[str] | None, typer.Option(metavar="RUN|BUNDLE", help="A member that the blocks name; once for each.")
]
ServerOption = Annotated[
    str, typer.Option(help="host:port of a server that has blocks and members. (default: PIPIT_SERVER)")
]
RegistryOption = Annotated[str, typer.Option(help="host:port of the registry. (default: PIPIT_REGISTRY)")]


@app.command()
def skip(
    recordings: Annotated[list[str], typer.Argument(metavar="RECORDING...", help="Video files, or folders of them.")],
    *,
    bundle: BundleOption = "",
    member: MemberOption = None,
    server: ServerOption = "",
    registry: RegistryOption = "",
    edl: Annotated[Path | None, typer.Option(help="For Kodi and MPlayer: an EDL; of several, a folder.")] = None,
    edl_kind: Annotated[str, typer.Option(help="What players do: break (Kodi), cut or mute.")] = "break",
    chapters: Annotated[Path | None, typer.Option(help="Chapters, as FFmpeg's metadata; of several, a folder.")] = None,
    comskip: Annotated[Path | None, typer.Option(help="Comskip's txt; of several, a folder.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json-file", help="All that was found; of several, a folder.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Find the breaks of recordings, and write them for players. The recordings stay as they are.

    A recording that can't be read does not stop the others; its error decides the exit code. Damage is passed over, and
    without sound the members that look decide alone.

    For example:
      pipit ads skip evening.ts --bundle runs/ad_detection.blocks/RUN --member runs/ad_detection.frames/RUN
      pipit ads skip evening.ts --server tv.local:50054 --edl evening.edl --chapters evening.ffmeta
      pipit ads skip recordings --edl lists --comskip lists
    """
    from ad_detection.blocks.skipping import skip as find  # noqa: PLC0415 (needs PyAV)

    if edl_kind not in _EDL_KINDS:
        raise InvalidInput(f"--edl-kind is {', '.join(_EDL_KINDS)}, not {edl_kind!r}")
    files = _files(recordings)
    places = {"edl": edl, "chapters": chapters, "comskip": comskip, "json": json_file}
    found: list[Found] = []
    failure: PipitError | None = None
    with _answering(bundle, member or [], server, registry) as answering:
        for file in files:
            try:
                with _bar(file) as advance:
                    one = find(file, answering, advance, say)
                _write(one, places, _EDL_KINDS[edl_kind], several=len(files) > 1)
                found.append(one)
            except PipitError as error:
                failure = failure or error
                say(f"pipit: {file.path}: {error}")
    if json:
        print_json([one.to_json() for one in found])
    else:
        _show(found)
    if failure is not None:
        raise typer.Exit(exit_code_of(failure))


@app.command()
def watch(
    source: Annotated[str, typer.Argument(help="Video FILE, URL (rtsp, http, HLS), or DEVICE (0, /dev/video0).")],
    *,
    bundle: BundleOption = "",
    member: MemberOption = None,
    server: ServerOption = "",
    registry: RegistryOption = "",
    fps: Annotated[float, typer.Option(help="Pictures a second that are looked at.", min=0.2)] = 2.0,
    timeout: Annotated[
        float, typer.Option(help="Seconds of silence after which it is connected to again.", min=0.1)
    ] = 10.0,
    attempts: Annotated[int, typer.Option(help="Connections in a row that may bring nothing new.", min=1)] = 5,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Don't look at the certificate of an https address.")
    ] = False,
) -> None:
    """Say when breaks begin and end, as they run: a line of JSON for each event, to mute by. Ctrl-C ends it.

    Events are watching, ad_started, ad_ended, sound_lost, sound_back, reconnecting and ended, each with its seconds
    since watching began and the wall clock. It errs to the programme: a source that breaks off ends a break.

    For example:
      pipit ads watch rtsp://tv.local/one --server tv.local:50054
      pipit ads watch evening.ts --bundle runs/ad_detection.blocks/RUN --member runs/ad_detection.frames/RUN
    """
    from pipit.data.frames.following import Patience  # noqa: PLC0415 (needs PyAV)
    from pipit.data.frames.sources import source_named  # noqa: PLC0415

    from ad_detection.blocks.watching import Watcher  # noqa: PLC0415

    opened = source_named(source)
    with _answering(bundle, member or [], server, registry) as answering:
        watcher = Watcher(answering, lambda event: print_json_line(event.to_json()), say)
        try:
            watcher.watch(opened, fps, Patience(silence=timeout, attempts=attempts), insecure=insecure)
        except KeyboardInterrupt:
            say("ended by Ctrl-C")


@app.command()
def scores(
    recordings: Annotated[
        list[str], typer.Argument(metavar="RECORDING...", help="Video files, or one folder of them.")
    ],
    *,
    member: Annotated[list[str], typer.Option(metavar="RUN|BUNDLE", help="Whom to ask; once for each.")],
    output: Annotated[Path, typer.Option(help="Folder for the tables; what is there already is not made again.")],
) -> None:
    """Write what members say of recordings, second by second: what blocks are trained on.

    Take recordings that trained none of the members. Beside the tables, labels.csv (recording,start,end,label) says
    what ran when; of a folder that has one, it is copied.

    For example:
      pipit ads scores ~/tv/held_out --member runs/ad_detection.frames/RUN --output ad_scores
    """
    from ad_detection.blocks.asking import bundle_named, members_alone  # noqa: PLC0415
    from ad_detection.blocks.members import find_members  # noqa: PLC0415
    from ad_detection.blocks.recordings import (  # noqa: PLC0415
        prepare_folder,
        series_of,
        series_text,
    )
    from ad_detection.blocks.skipping import read_rows, write_list  # noqa: PLC0415
    from ad_detection.labelled_frames import TABLE  # noqa: PLC0415

    bundles = [bundle_named(text) for text in member]
    found = find_members(member)
    prepare_folder(output, found)
    files = _files(recordings)
    made_up = set(synthetic_among(file.path for file in files))
    made_up.update(*(bundle.manifest.lineage.synthetic for bundle in bundles))
    if made_up:
        mark_synthetic(output, made_up)
    with members_alone(dict(zip(found, bundles, strict=True))) as opened:
        for file in files:
            place = output / f"{file.recording}.csv"
            if place.is_file():
                say(f"{file.recording}: was there already")
                continue
            with _bar(file) as advance:
                rows, _ = read_rows(file, found, opened, advance, say)
            write_list(place, series_text([one.name for one in found], series_of(rows)))
    tables = [Path(text) / TABLE for text in recordings if (Path(text) / TABLE).is_file()]
    if len(tables) == 1 and not (output / TABLE).exists():
        write_list(output / TABLE, tables[0].read_text(encoding="utf-8"))
    print_line(f"{len(files)} tables in {escape(str(output))}")
    if not (output / TABLE).exists():
        print_line(f"next: write {escape(str(output / TABLE))}, what ran when")
    print_line("next: pipit train ad_detection.blocks")


def _files(recordings: list[str]) -> tuple[RecordedFile, ...]:
    """Of all that are named. Raises InvalidInput for what is live, or two of one name."""
    from pipit.data.frames.sources import files_of, source_named  # noqa: PLC0415 (needs PyAV)

    found: dict[str, RecordedFile] = {}
    for text in recordings:
        source = source_named(text)
        if source.kind not in ("file", "folder"):
            raise InvalidInput(f"{source.name} is no recording on this machine; pipit ads watch takes what is live")
        for file in files_of(source):
            if found.setdefault(file.recording, file) != file:
                raise InvalidInput(f"two recordings are called {file.recording}; name one of them anew")
    return tuple(found.values())


@contextmanager
def _answering(bundle: str, members: list[str], server: str, registry: str) -> Iterator[Answering]:
    from ad_detection.blocks.asking import (  # noqa: PLC0415 (imports a runtime)
        answering_bundles,
        answering_server,
        bundle_named,
        require_blocks,
    )

    if bundle:
        blocks = bundle_named(bundle)
        require_blocks(blocks.manifest)
        with answering_bundles(blocks, [bundle_named(text) for text in members]) as found:
            yield found
        return
    if members:
        raise InvalidInput("--member goes with --bundle; a server has its members itself")
    settings = load_settings(CliSettings)
    with (
        Client(server or settings.server, **settings.access) as client,
        answering_server(client, registry) as found,
    ):
        yield found


@contextmanager
def _bar(file: RecordedFile) -> Iterator[Callable[[float], None]]:
    from pipit.data.frames.sources import open_file  # noqa: PLC0415 (needs PyAV)
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    with open_file(file.path, file.path.name) as container:
        length = container.duration / 1e6 if container.duration else None
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(escape(file.recording), total=length)
        yield lambda seconds: progress.advance(task, seconds)


def _write(found: Found, places: dict[str, Path | None], edl_kind: int, *, several: bool) -> None:
    from ad_detection.blocks.skipping import text_of, write_list  # noqa: PLC0415 (needs PyAV)

    for kind, place in places.items():
        if place is None:
            continue
        path = place / f"{found.recording}{_ENDINGS[kind]}" if several or place.is_dir() else place
        write_list(path, text_of(kind, found, edl_kind))


def _show(found: list[Found]) -> None:
    for one in found:
        rows = [(_clock(start), _clock(stop), f"{stop - start:.0f}") for start, stop in one.breaks]
        print_table((">from", ">to", ">seconds"), rows, one.recording)
        total = sum(stop - start for start, stop in one.breaks)
        silent = sum(stop - start for start, stop in one.silent)
        print_line(
            f"{len(one.breaks)} breaks, {total:.0f} of {one.seconds:.0f} s"
            + (f"; {silent:.0f} s without sound" if silent else "")
        )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60.0)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{rest:04.1f}"
