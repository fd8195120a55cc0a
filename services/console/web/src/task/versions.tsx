import { bytes, moment, number } from "../app/format";
import type { MetricValue, TaskAnswer, VersionLine } from "../app/openapi";
import { path, place, setQuery, withQuery } from "../app/router";
import { Badge, Empty, Interval, Panel } from "../ui/parts";
import { Table } from "../ui/table";
import { MetricChart, ticks } from "./metric_chart";

export function metricOf(version: Pick<VersionLine, "metrics">, name: string): MetricValue | null {
  return version.metrics.find((metric) => metric.name === name) ?? null;
}

/** Measures that have another unit, also where their value happens to lie between 0 and 1. */
const OTHER_UNIT = /loss|seconds|_ms\b|bytes/;

/** Whether a metric is a share, which per cent and a bar are for. */
export function isShare({ name, value, high }: Pick<MetricValue, "name" | "value" | "high">): boolean {
  return !OTHER_UNIT.test(name) && value >= 0 && value <= 1 && (high ?? 0) <= 1;
}

/** from, to: the ends of the bar, where several are to be compared. */
export function MetricText({ metric, from = 0, to = 1 }: { metric: MetricValue | null; from?: number; to?: number }) {
  if (!metric) return <span class="muted">–</span>;
  if (isShare(metric)) return <Interval value={metric.value} low={metric.low} high={metric.high} from={from} to={to} />;
  return (
    <span class="number">
      {number(metric.value)}
      {metric.low !== null && metric.high !== null && (
        <span class="muted small">{` ${number(metric.low)} to ${number(metric.high)}`}</span>
      )}
    </span>
  );
}

export function Gates({ version }: { version: VersionLine }) {
  const failed = version.gates.filter((gate) => !gate.passed).length;
  if (version.gates.length === 0) return <Badge>no gates</Badge>;
  return failed ? (
    <Badge level="error">{`${failed} of ${version.gates.length} fail`}</Badge>
  ) : (
    <Badge level="ok">{`${version.gates.length} pass`}</Badge>
  );
}

/** The versions of a task, and one of their metrics over all of them. */
export function Versions({ data }: { data: TaskAnswer }) {
  const metric = place.value.query.get("metric") ?? data.metrics[0] ?? "";
  if (data.versions.length === 0) return <Empty title="No version has been published yet." />;
  const newest = data.versions[0];
  const ends = data.versions.flatMap((version) => {
    const found = metricOf(version, metric);
    return found ? [found.value, found.low ?? found.value, found.high ?? found.value] : [];
  });
  const marks = ticks(Math.min(...ends), Math.max(...ends));
  return (
    <>
      <Panel
        title={`${metric || "No metric"} over all versions`}
        aside={
          data.metrics.length > 1 && (
            <select
              class="input auto"
              aria-label="Metric"
              value={metric}
              onChange={(event) => setQuery({ metric: event.currentTarget.value }, {})}
            >
              {data.metrics.map((name) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          )
        }
      >
        <MetricChart metric={metric} versions={data.versions} />
      </Panel>
      <Panel
        title="Versions"
        aside={
          newest &&
          data.versions[1] && (
            <a href={withQuery({ tab: "compare", a: data.versions[1].version, b: newest.version })}>
              Compare the newest two
            </a>
          )
        }
        flush
      >
        <Table
          caption="Versions, the newest first"
          rows={data.versions}
          rowKey={(row) => row.version}
          columns={[
            {
              id: "version",
              title: "Version",
              cell: (row) => <a href={path("tasks", data.task, "versions", row.version)}>{row.version}</a>,
              by: (row) => row.version,
            },
            {
              id: "environments",
              title: "Serves in",
              cell: (row) => (
                <span class="row">
                  {row.environments.map((name) => (
                    <Badge key={name} level="ok">
                      {name}
                    </Badge>
                  ))}
                  {row.synthetic.length > 0 && <Badge level="warning">synthetic data</Badge>}
                </span>
              ),
            },
            {
              id: "metric",
              title: metric || "Metric",
              cell: (row) => <MetricText metric={metricOf(row, metric)} from={marks[0]} to={marks.at(-1)} />,
              by: (row) => metricOf(row, metric)?.value ?? null,
            },
            {
              id: "samples",
              title: "Samples",
              cell: (row) => number(metricOf(row, metric)?.samples),
              end: true,
              by: (row) => metricOf(row, metric)?.samples ?? null,
            },
            { id: "gates", title: "Gates", cell: (row) => <Gates version={row} /> },
            {
              id: "signed",
              title: "Signed",
              cell: (row) => (row.signed_by.length ? "yes" : <span class="muted">no</span>),
            },
            { id: "size", title: "Size", cell: (row) => bytes(row.bytes), end: true, by: (row) => row.bytes },
            {
              id: "made",
              title: "Published",
              cell: (row) => <span class="number">{moment(row.created_at)}</span>,
              by: (row) => row.created_at,
            },
          ]}
        />
      </Panel>
    </>
  );
}
