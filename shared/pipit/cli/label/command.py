"""`pipit label`: the table of its commands."""

from __future__ import annotations

from pipit.cli.app import App, help_text
from pipit.cli.label.add import add
from pipit.cli.label.auto import auto
from pipit.cli.label.files import export, import_
from pipit.cli.label.sets import freeze, sets
from pipit.cli.label.stats import list_, stats

_HELP = """Label the examples that devices kept and people brought.

The console is the place to label many; here is what a program or a single word needs.

For example:
  pipit label add TASK 20261129-0123456789abcdef0123456789abcdef dog
  pipit label auto --task TASK --threshold 0.8
  pipit label stats TASK
  pipit label freeze TASK november
"""

app = App(help=help_text(_HELP), no_args_is_help=True)
app.command("add")(add)
app.command("auto")(auto)
app.command("stats")(stats)
app.command("list")(list_)
app.command("freeze")(freeze)
app.command("sets")(sets)
app.command("export")(export)
app.command("import")(import_)


@app.callback()
def label() -> None:
    """As its help says; with it, a group of one command is still a group."""
