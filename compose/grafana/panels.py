"""The few kinds of panels that the dashboards are made of, each with a title, a description and a unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from grafana_foundation_sdk.builders import (
    barchart,
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import heatmap as heatmap_model
from grafana_foundation_sdk.models import prometheus as prometheus_model

DATASOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
GREEN, ORANGE, RED, BLUE, GREY = "green", "orange", "red", "blue", "#808080"
ROW_HEIGHT = 8
P = TypeVar("P")
Override = tuple[str, Mapping[str, object]]
"""A regular expression for names of series, and what is different for them."""


def query(expression: str, legend: str = "", ref: str = "A") -> prometheus.Dataquery:
    """A line over time. legend: with {{label}} in it."""
    return prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(ref).range().datasource(DATASOURCE)


def now(expression: str, legend: str = "", ref: str = "A") -> prometheus.Dataquery:
    """The value at the end of the time range."""
    return prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(ref).instant().datasource(DATASOURCE)


def rows(expression: str, ref: str = "A") -> prometheus.Dataquery:
    """The value at the end of the time range, a column for each label."""
    return now(expression, ref=ref).format(prometheus_model.PromQueryFormat.TABLE)


def steps(*limits: tuple[float, str], base: str = GREEN) -> dashboard.ThresholdsConfig:
    """Colours from each limit on. base: below the first."""
    parts = [model.Threshold(value=None, color=base), *(model.Threshold(value, color) for value, color in limits)]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(parts)


def graph(
    title: str,
    description: str,
    unit: str,
    queries: Sequence[prometheus.Dataquery],
    *,
    width: int = 12,
    height: int = ROW_HEIGHT,
    stacked: bool = False,
    limit: float | None = None,
    most: float | None = None,
    overrides: Sequence[Override] = (),
) -> timeseries.Panel:
    """Lines over time. limit: where an alert begins, drawn as a dashed line. most: the axis' end."""
    panel = _framed(timeseries.Panel(), title, description, width, height).unit(unit).min(0).targets(list(queries))
    panel.line_width(2).fill_opacity(40 if stacked else 8).show_points(options.VisibilityMode.NEVER)
    panel.span_nulls(False)
    panel.legend(
        common.VizLegendOptions()
        .display_mode(options.LegendDisplayMode.TABLE)
        .placement(options.LegendPlacement.BOTTOM)
        .show_legend(True)
        .calcs(["lastNotNull", "max"])
    )
    panel.tooltip(common.VizTooltipOptions().mode(options.TooltipDisplayMode.MULTI).sort(options.SortOrder.DESCENDING))
    if stacked:
        panel.stacking(common.StackingConfig().mode(options.StackingMode.NORMAL).group("A"))
    if most is not None:
        panel.max(most)
    if limit is not None:
        panel.thresholds(steps((limit, RED)))
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(options.GraphThresholdsStyleMode.DASHED))
    for name, properties in overrides:
        panel.override_by_regexp(name, [model.DynamicConfigValue(key, value) for key, value in properties.items()])
    return panel


DASHED_RED = {
    "custom.lineStyle": {"fill": "dash", "dash": [10, 10]},
    "custom.fillOpacity": 0,
    "color": {"mode": "fixed", "fixedColor": RED},
}
"""For a line that others are measured by."""


def number(
    title: str,
    description: str,
    unit: str,
    expression: str,
    thresholds: dashboard.ThresholdsConfig | None = None,
    *,
    width: int = 4,
    words: Mapping[str, tuple[str, str]] | None = None,
    decimals: int | None = None,
) -> stat.Panel:
    """One number. words: what to say, and its colour, instead of a value."""
    panel = _framed(stat.Panel(), title, description, width, 4).unit(unit).with_target(query(expression, title))
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    panel.color_mode(options.BigValueColorMode.VALUE).graph_mode(options.BigValueGraphMode.AREA)
    panel.thresholds(thresholds or steps(base=BLUE))
    if words:
        panel.mappings([_words(words)])
    if decimals is not None:
        panel.decimals(decimals)
    return panel


def heat(title: str, description: str, unit: str, expression: str, *, width: int = 12) -> heatmap.Panel:
    """A histogram over time; `expression` sums by le."""
    target = query(expression, "{{le}}").format(prometheus_model.PromQueryFormat.HEATMAP)
    panel = _framed(heatmap.Panel(), title, description, width, ROW_HEIGHT).with_target(target)
    panel.calculate(False).show_legend().y_axis(heatmap.YAxisConfig().unit(unit))
    return panel.color(
        heatmap.HeatmapColorOptions()
        .mode(heatmap_model.HeatmapColorMode.SCHEME)
        .scheme("Oranges")
        .scale(heatmap_model.HeatmapColorScale.EXPONENTIAL)
        .exponent(0.5)
        .steps(64)
    )


def timeline(
    title: str,
    description: str,
    queries: Sequence[prometheus.Dataquery],
    words: Mapping[str, tuple[str, str]],
    *,
    width: int = 12,
    height: int = ROW_HEIGHT,
) -> statetimeline.Panel:
    """States as bands over time. words: by value, what to say and its colour."""
    panel = _framed(statetimeline.Panel(), title, description, width, height).targets(list(queries))
    panel.merge_values(True).show_value(options.VisibilityMode.AUTO).row_height(0.8).fill_opacity(80)
    panel.legend(common.VizLegendOptions().show_legend(False))
    return panel.mappings([_words(words)])


def listing(
    title: str,
    description: str,
    expression: str,
    columns: Mapping[str, str],
    *,
    width: int = 12,
    height: int = ROW_HEIGHT,
    unit: str = "short",
    links: Mapping[str, str] | None = None,
) -> table.Panel:
    """A table. columns: labels, or Value, in their order, with their headings. links: addresses by heading."""
    panel = _framed(table.Panel(), title, description, width, height).unit(unit).with_target(rows(expression))
    arranged: dict[str, Any] = {
        "indexByName": {label: number for number, label in enumerate(columns)},
        "renameByName": dict(columns),
    }
    panel.with_transformation(
        model.DataTransformerConfig(id_val="filterFieldsByName", options={"include": {"names": list(columns)}})
    )
    panel.with_transformation(model.DataTransformerConfig(id_val="organize", options=arranged))
    for heading, address in (links or {}).items():
        link = {"title": f"Open {heading.lower()}", "url": address}
        panel.override_by_name(heading, [model.DynamicConfigValue("links", [link])])
    return panel


def bars(
    title: str, description: str, unit: str, by: str, queries: Mapping[str, str], *, width: int = 12
) -> barchart.Panel:
    """Bars at the end of the time range. by: the label along the axis. queries: expressions by their name."""
    panel = _framed(barchart.Panel(), title, description, width, ROW_HEIGHT).unit(unit).min(0).x_field(by)
    names: dict[str, str] = {}
    for ref, (name, expression) in zip("ABCDEF", queries.items(), strict=False):
        panel.with_target(rows(expression, ref))
        names[f"Value #{ref}" if len(queries) > 1 else "Value"] = name
    panel.with_transformation(model.DataTransformerConfig("joinByField", options={"byField": by, "mode": "outer"}))
    hidden = dict.fromkeys(("Time", "Time 1", "Time 2"), True)
    arranged = {"excludeByName": hidden, "renameByName": names}
    return panel.with_transformation(model.DataTransformerConfig("organize", options=arranged))


def _framed(panel: P, title: str, description: str, width: int, height: int) -> P:
    return panel.title(title).description(description).span(width).height(height).datasource(DATASOURCE)  # type: ignore[attr-defined, no-any-return]


def _words(words: Mapping[str, tuple[str, str]]) -> model.ValueMap:
    return model.ValueMap(
        options={value: model.ValueMappingResult(text=text, color=color) for value, (text, color) in words.items()}
    )
