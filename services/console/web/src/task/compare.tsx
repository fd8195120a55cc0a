import { api } from "../app/api";
import { milliseconds, number, percent } from "../app/format";
import { useLoad } from "../app/load";
import type { Comparison, MetricPair, TaskAnswer } from "../app/openapi";
import { path, place, setQuery } from "../app/router";
import { Shown } from "../app/shown";
import { Confusion, difference } from "../ui/confusion";
import { Empty, Field, Panel } from "../ui/parts";
import { Table } from "../ui/table";

/** Which two versions the address names; else the one before the newest, and the newest. */
export function pair(versions: readonly string[], query: URLSearchParams): [string, string] | null {
  const [newest, before] = versions;
  if (newest === undefined || before === undefined) return null;
  const asked = (key: string, otherwise: string) => versions.find((version) => version === query.get(key)) ?? otherwise;
  return [asked("a", before), asked("b", newest)];
}

/** Whether the intervals leave no doubt that the versions differ. */
export function isClear({
  a_low,
  a_high,
  b_low,
  b_high,
}: Pick<MetricPair, "a_low" | "a_high" | "b_low" | "b_high">): boolean {
  if (a_low === null || a_high === null || b_low === null || b_high === null) return false;
  return b_low > a_high || a_low > b_high;
}

/** In points of per cent where both are shares. */
export function signed(value: number | null, share: boolean): string {
  if (value === null) return "–";
  const size = share ? `${(Math.abs(value) * 100).toFixed(1)} points` : number(Math.abs(value));
  return value === 0 ? "0" : `${value > 0 ? "+" : "−"}${size}`;
}

/** Two versions of a task: only what differs, class by class, and where they mix things up. */
export function Compare({ data }: { data: TaskAnswer }) {
  const versions = data.versions.map(({ version }) => version);
  const chosen = pair(versions, place.value.query);
  if (!chosen) return <Empty title="A second version is needed for a comparison." />;
  const [a, b] = chosen;
  const choose = (key: "a" | "b", label: string) => (
    <Field label={label}>
      <select
        class="input"
        value={key === "a" ? a : b}
        onChange={(event) => setQuery({ [key]: event.currentTarget.value }, {})}
      >
        {versions.map((version) => (
          <option key={version}>{version}</option>
        ))}
      </select>
    </Field>
  );
  return (
    <>
      <div class="row">
        {choose("a", "From")}
        {choose("b", "To")}
      </div>
      <Compared key={`${a} ${b}`} task={data.task} a={a} b={b} />
    </>
  );
}

function Compared({ task, a, b }: { task: string; a: string; b: string }) {
  const query = new URLSearchParams({ a, b });
  const loaded = useLoad(`compare ${task} ${a} ${b}`, (signal) =>
    api.get<Comparison>(`${path("tasks", task, "compare")}?${query}`, { signal }),
  );
  return <Shown loaded={loaded}>{(data) => <Differences data={data} />}</Shown>;
}

function Differences({ data }: { data: Comparison }) {
  const { a, b } = data;
  const { a: left, b: right } = data.confusion;
  const changed = left && right ? difference(left, right) : null;
  return (
    <>
      <div class="halves">
        <Panel title="Metrics" flush>
          <Table
            caption={`Metrics of ${a} and ${b}`}
            sortKey="metrics"
            rows={data.metrics}
            rowKey={(row) => row.name}
            columns={[
              { id: "name", title: "Metric", cell: (row) => row.name, by: (row) => row.name },
              { id: "a", title: a, cell: (row) => number(row.a, 3), end: true, by: (row) => row.a },
              { id: "b", title: b, cell: (row) => number(row.b, 3), end: true, by: (row) => row.b },
              {
                id: "difference",
                title: "Difference",
                cell: (row) => (
                  <>
                    {signed(row.difference, false)}
                    <span class="small muted">{isClear(row) ? " beyond the intervals" : ""}</span>
                  </>
                ),
                end: true,
                by: (row) => row.difference,
              },
            ]}
          />
        </Panel>
        <Panel title="What differs" flush>
          {data.facts.length === 0 ? (
            <Empty title="Nothing but the weights." />
          ) : (
            <Table
              caption="Facts in which the versions differ"
              sortKey="facts"
              rows={data.facts}
              rowKey={(row) => row.field}
              columns={[
                { id: "field", title: "Field", cell: (row) => row.field },
                { id: "a", title: a, cell: (row) => <code class="wrap">{row.a || "–"}</code> },
                { id: "b", title: b, cell: (row) => <code class="wrap">{row.b || "–"}</code> },
              ]}
            />
          )}
        </Panel>
        <Panel title="F1 by class" flush>
          <Table
            caption="F1 by class"
            sortKey="classes"
            rows={data.per_class}
            rowKey={(row) => row.label}
            columns={[
              { id: "label", title: "Class", cell: (row) => row.label, by: (row) => row.label },
              { id: "a", title: a, cell: (row) => percent(row.a, 1), end: true, by: (row) => row.a },
              { id: "b", title: b, cell: (row) => percent(row.b, 1), end: true, by: (row) => row.b },
              {
                id: "difference",
                title: "Difference",
                cell: (row) => signed(row.difference, true),
                end: true,
                by: (row) => row.difference,
              },
            ]}
          />
        </Panel>
        <Panel title="Answer time by board" flush>
          {data.latency.length === 0 ? (
            <Empty title="No device has reported answers of either yet." />
          ) : (
            <Table
              caption="Mean answer time by board"
              sortKey="boards"
              rows={data.latency}
              rowKey={(row) => row.board}
              columns={[
                { id: "board", title: "Board", cell: (row) => row.board || "unknown" },
                { id: "a", title: a, cell: (row) => `${milliseconds(row.a_ms)} (${number(row.a_samples)})`, end: true },
                { id: "b", title: b, cell: (row) => `${milliseconds(row.b_ms)} (${number(row.b_samples)})`, end: true },
              ]}
            />
          )}
        </Panel>
      </div>
      <Panel title="Confusion">
        {left || right ? (
          <div class="matrices">
            {left && <Confusion caption={`${a}: rows are what it was`} {...left} />}
            {right && <Confusion caption={`${b}: rows are what it was`} {...right} />}
            {changed && (
              <Confusion
                caption={`${b} less ${a}, in points of the row`}
                labels={changed.labels}
                matrix={changed.matrix}
                signed
              />
            )}
          </div>
        ) : (
          <p class="muted">Neither report has a confusion matrix.</p>
        )}
      </Panel>
    </>
  );
}
