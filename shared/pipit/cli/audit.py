"""`pipit audit`: who did what to the registry, with proof that nothing was changed or left out."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from pipit.audit import AuditClient, Chain, Outcome
from pipit.cli.output import JsonOption, print_json, print_line, print_table
from pipit.cli.registry import RegistryOption
from pipit.cli.settings import CliSettings
from pipit.errors import IntegrityError
from pipit.settings import load_settings

_COLOURS = {Outcome.ASKED: "yellow", Outcome.DONE: "green", Outcome.FAILED: "red"}


def audit(
    last: Annotated[int, typer.Option(min=0, help="How many actions to show; 0: all.")] = 20,
    expect: Annotated[
        str, typer.Option(help="Digest of a record, as noted down earlier: an error if the log no longer has it.")
    ] = "",
    *,
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """Check the registry's audit log from its first record to its last, and show the last actions.

    Each record holds the digest of the one before. Note down the digest of the last one somewhere else: with it,
    --expect finds out whether all of the log was written anew.

    For example:
      pipit audit
      pipit audit --last 0 --json | jq '.records[] | select(.action == "promote")'
      pipit audit --expect 3f9a…
    """
    settings = load_settings(CliSettings)
    chain, found = Chain(), not expect
    records = []
    with AuditClient(registry or settings.registry, **settings.access) as client:
        for record in chain.check(client.read()):
            records.append(record)
            found = found or (chain.digest or "").startswith(expect)
    if not found:
        raise IntegrityError(
            f"no record of the audit log has the digest {expect}: it was cut off or written anew since that was noted"
        )
    # An action that was asked for stands once, with how it ended.
    ended = {record.of for record in records if record.of}
    actions = [record for record in records if record.sequence not in ended]
    shown = actions[-last:] if last else actions
    if json:
        print_json({"records": [record.model_dump(mode="json") for record in shown], "digest": chain.digest})
        return
    rows = [
        (
            str(record.sequence),
            record.at.astimezone().strftime("%Y-%m-%d %H:%M:%S"),
            escape(record.caller),
            escape(record.address),
            escape(f"{record.action} {record.subject}"),
            f"[{_COLOURS[record.outcome]}]{record.outcome.value}[/]",
            escape(record.before),
            escape(record.after or record.reason),
        )
        for record in shown
    ]
    if rows:
        print_table((">", "when", "who", "from", "what", "outcome", "before", "after"), rows)
    print_line(f"{chain.sequence} records, none changed or left out; the last one's digest is {chain.digest or '-'}")
