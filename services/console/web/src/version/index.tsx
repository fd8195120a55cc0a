import { useSignal } from "@preact/signals";
import { api, hasRole, url } from "../app/api";
import { bytes, count, moment, number, percent } from "../app/format";
import { useLoad } from "../app/load";
import type { MetricValue, VersionAnswer } from "../app/openapi";
import { path } from "../app/router";
import { Shown } from "../app/shown";
import { Gates, MetricText } from "../task/versions";
import { Button } from "../ui/button";
import { Confusion } from "../ui/confusion";
import { Icon } from "../ui/icons";
import { Markdown } from "../ui/markdown_view";
import { Badge, currentTab, Empty, type Level, Page, Panel, Tabs } from "../ui/parts";
import { Table } from "../ui/table";
import { PromoteDialog } from "./promote";

const TABS = ["overview", "card", "report"] as const;
const SIGNATURES: Record<string, Level> = { trusted: "ok", unchecked: "warning", unsigned: "warning" };

/** One version: what it is, how good, of what it was made, and where it runs. */
export function Version({ task, version }: { task: string; version: string }) {
  const promoting = useSignal(false);
  const here = path("tasks", task, "versions", version);
  const loaded = useLoad(here, (signal) => api.get<VersionAnswer>(here, { signal }));
  const tab = currentTab("tab", TABS);
  return (
    <Page
      title={`${task} ${version}`}
      above={
        <>
          <a href="/tasks">Tasks</a> / <a href={path("tasks", task)}>{task}</a>
        </>
      }
      actions={
        loaded.data && (
          <>
            {loaded.data.environments.map((name) => (
              <Badge key={name} level="ok">
                {name}
              </Badge>
            ))}
            {hasRole("operator") && (
              <Button kind="primary" onClick={() => (promoting.value = true)}>
                Promote
              </Button>
            )}
          </>
        )
      }
    >
      <Tabs
        name="tab"
        label="Parts of the version"
        current={tab}
        tabs={[
          { id: "overview", title: "Overview" },
          { id: "card", title: "Model card" },
          { id: "report", title: "Report" },
        ]}
      />
      <Shown loaded={loaded}>
        {(data) =>
          tab === "overview" ? (
            <Overview data={data} />
          ) : tab === "card" ? (
            <Panel title="Model card">
              {data.model_card ? (
                <Markdown text={data.model_card} base={url(`${here}/files`)} />
              ) : (
                <Empty title="This version came without a model card." />
              )}
            </Panel>
          ) : (
            <Report data={data} />
          )
        }
      </Shown>
      {loaded.data && (
        <PromoteDialog version={loaded.data} open={promoting.value} onClose={() => (promoting.value = false)} />
      )}
    </Page>
  );
}

function Metrics(props: { caption: string; sortKey: string; rows: readonly MetricValue[] }) {
  return (
    <Table
      caption={props.caption}
      sortKey={props.sortKey}
      rows={props.rows}
      rowKey={(row) => row.name}
      columns={[
        { id: "name", title: "Metric", cell: (row) => row.name, by: (row) => row.name },
        { id: "value", title: "Value", cell: (row) => <MetricText metric={row} />, by: (row) => row.value },
        { id: "samples", title: "Samples", cell: (row) => number(row.samples), end: true, by: (row) => row.samples },
      ]}
    />
  );
}

function Overview({ data }: { data: VersionAnswer }) {
  const headline = data.metrics.filter(({ name }) => !name.includes("."));
  const others = data.metrics.filter(({ name }) => name.includes("."));
  return (
    <div class="halves version">
      <div class="stack">
        <Panel title="Metrics on the test split" flush>
          <Metrics caption="Metrics with their intervals" sortKey="metrics" rows={headline} />
          {others.length > 0 && (
            <details class="more">
              <summary>{count(others.length, "more metric")}, of classes and conditions</summary>
              <Metrics caption="Metrics of classes and conditions" sortKey="more" rows={others} />
            </details>
          )}
        </Panel>
        <Panel title="Gates" aside={<Gates version={data} />} flush>
          {data.gates.length === 0 ? (
            <Empty title="The recipe promises nothing." />
          ) : (
            <ul class="lines">
              {data.gates.map((gate) => (
                <li key={gate.name} class={`attend ${gate.passed ? "passed" : "error"}`}>
                  <Icon name={gate.passed ? "check" : "error"} />
                  <span class="only-read">{gate.passed ? "Passed: " : "Failed: "}</span>
                  <span>{gate.text || gate.name}</span>
                </li>
              ))}
            </ul>
          )}
        </Panel>
        <Panel title="On devices" flush>
          {data.devices.length === 0 ? (
            <Empty title="No device has it." />
          ) : (
            <Table
              caption="Devices that have the version, and how far their scores are from the trainer's"
              sortKey="devices"
              rows={data.devices}
              rowKey={(row) => row.device_id}
              columns={[
                {
                  id: "device",
                  title: "Device",
                  cell: (row) => <a href={path("devices", row.device_id)}>{row.device_id}</a>,
                  by: (row) => row.device_id,
                },
                { id: "board", title: "Board", cell: (row) => row.board || "unknown", by: (row) => row.board },
                {
                  id: "state",
                  title: "State",
                  cell: (row) => (
                    <Badge level={row.state === "serving" ? "ok" : row.state === "refused" ? "error" : undefined}>
                      {row.state}
                    </Badge>
                  ),
                  by: (row) => row.state,
                },
                {
                  id: "golden",
                  title: "Golden deviation",
                  cell: (row) => (row.golden_deviation === null ? "–" : row.golden_deviation.toExponential(1)),
                  end: true,
                  by: (row) => row.golden_deviation,
                },
              ]}
            />
          )}
        </Panel>
      </div>
      <div class="stack">
        <Panel title="Signature" aside={<Badge level={SIGNATURES[data.signature.state]}>{data.signature.state}</Badge>}>
          <p>{data.signature.text}</p>
          {data.signature.key && <code class="wrap">{data.signature.key}</code>}
        </Panel>
        <Panel title="Variants" flush>
          <Table
            caption="Forms of the weights"
            sortKey="variants"
            rows={data.variants}
            rowKey={(row) => row.name}
            columns={[
              { id: "name", title: "Variant", cell: (row) => row.name },
              { id: "runtime", title: "Runtime", cell: (row) => row.runtime },
              { id: "size", title: "Size", cell: (row) => bytes(row.bytes), end: true },
            ]}
          />
        </Panel>
        <Panel title="Where it comes from">
          <dl class="facts">
            <Pair name="published">{moment(data.created_at)}</Pair>
            <Pair name="digest">
              <code class="wrap">{data.digest}</code>
            </Pair>
            {data.synthetic.length > 0 && <Pair name="synthetic data">{data.synthetic.join(", ")}</Pair>}
            {Object.entries(data.lineage).map(([name, value]) => (
              <Pair key={name} name={name.replaceAll("_", " ")}>
                <code class="wrap">{value}</code>
              </Pair>
            ))}
          </dl>
        </Panel>
        {Object.keys(data.thresholds).length > 0 && (
          <Panel title="Thresholds">
            <dl class="facts">
              {Object.entries(data.thresholds).map(([label, threshold]) => (
                <Pair key={label} name={label}>
                  {number(threshold)}
                </Pair>
              ))}
            </dl>
          </Panel>
        )}
      </div>
    </div>
  );
}

function Pair({ name, children }: { name: string; children: preact.ComponentChildren }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function Report({ data }: { data: VersionAnswer }) {
  return (
    <>
      {data.per_class.length > 0 && (
        <Panel title="By class" flush>
          <Table
            caption="Precision, recall and F1 by class"
            rows={data.per_class}
            rowKey={(row) => row.label}
            columns={[
              { id: "label", title: "Class", cell: (row) => row.label, by: (row) => row.label },
              {
                id: "precision",
                title: "Precision",
                cell: (row) => percent(row.precision, 1),
                end: true,
                by: (row) => row.precision,
              },
              {
                id: "recall",
                title: "Recall",
                cell: (row) => percent(row.recall, 1),
                end: true,
                by: (row) => row.recall,
              },
              { id: "f1", title: "F1", cell: (row) => percent(row.f1, 1), end: true, by: (row) => row.f1 },
              {
                id: "samples",
                title: "Samples",
                cell: (row) => number(row.samples),
                end: true,
                by: (row) => row.samples,
              },
            ]}
          />
        </Panel>
      )}
      {data.confusion && (
        <Panel title="Confusion">
          <Confusion caption="Rows are what it was, columns what was answered" {...data.confusion} />
        </Panel>
      )}
      {data.plots.length > 0 && (
        <Panel title="Plots">
          <div class="plots">
            {data.plots.map((plot) => (
              <figure key={plot.name}>
                <a href={plot.url} target="_blank" rel="noreferrer">
                  <img src={plot.url} alt={plot.title} loading="lazy" />
                </a>
                <figcaption class="small muted">{plot.title}</figcaption>
              </figure>
            ))}
          </div>
        </Panel>
      )}
      {data.per_class.length + data.plots.length === 0 && !data.confusion && (
        <Empty title="This version came without a report." />
      )}
    </>
  );
}
