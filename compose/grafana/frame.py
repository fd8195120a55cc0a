"""What all dashboards share: names, variables, and the links from one to another."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as model
from panels import DATASOURCE

TAG = "pipit"
YES_NO = {"1": ("yes", "green"), "0": ("no", "red")}


def board(uid: str, title: str, description: str, *, since: str = "now-6h") -> dashboard.Dashboard:
    """An empty dashboard that links to the others. since: where its time range begins."""
    made = dashboard.Dashboard(title).uid(uid).description(description).tags([TAG]).readonly()
    made.time(since, "now").refresh("30s").timezone("browser").tooltip(model.DashboardCursorSync.CROSSHAIR)
    made.link(
        dashboard.DashboardLink("Pipit")
        .type(model.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(False)
        .keep_time(True)
        .include_vars(True)
        .icon("external link")
        .tooltip("")
        .url("")
    )
    return made.with_variable(
        dashboard.DatasourceVariable("datasource")
        .label("Data source")
        .type("prometheus")
        .current(model.VariableOption(selected=True, text="Prometheus", value="prometheus"))
    )


def choice(name: str, label: str, values: str, *, several: bool = False) -> dashboard.QueryVariable:
    """A variable of the dashboard. values: `label_values(…)`. several: more than one, all of them at first."""
    made = dashboard.QueryVariable(name).label(label).query({"qryType": 1, "query": values, "refId": name})
    made.datasource(DATASOURCE).refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
    made.sort(model.VariableSort.NATURAL_ASC).multi(several).include_all(several)
    if several:
        made.all_value(".*").current(model.VariableOption(selected=True, text="All", value="$__all"))
    return made


def add(made: dashboard.Dashboard, title: str, panels: Sequence[object]) -> None:
    """A row with its panels, from left to right."""
    made.with_row(dashboard.Row(title))
    for panel in panels:
        made.with_panel(panel)  # type: ignore[arg-type]
