import { Fragment } from "preact";
import { api } from "../app/api";
import { count, milliseconds, number } from "../app/format";
import { useLoad } from "../app/load";
import type { Comparison, MetricPair, TaskAnswer } from "../app/openapi";
import { path, place, setQuery } from "../app/router";
import { Shown } from "../app/shown";
import { Confusion, difference } from "../ui/confusion";
import { Empty, Field, Panel } from "../ui/parts";
import { Table } from "../ui/table";
import { apart, type ClassRow, type Pair, title } from "./measures";

/** Letters of a value that is shown whole, and of the beginning of a longer one. */
const LONG = 120;
const SHOWN = 40;

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
  const { headline, others, classes, measures } = apart(data);
  const differing = others.filter((row) => row.difference !== 0).length;
  return (
    <div class="stack compared">
      <Panel title="Metrics" flush>
        <Metrics {...{ a, b }} caption={`Metrics of ${a} and ${b}`} sortKey="metrics" rows={headline} />
        {others.length > 0 && (
          <details class="more">
            <summary>
              {count(others.length, "more metric")}, {differing || "none"} of which{" "}
              {differing === 1 ? "differs" : "differ"}
            </summary>
            <Metrics {...{ a, b }} caption="Metrics under one condition" sortKey="more" rows={others} />
          </details>
        )}
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
              {
                id: "field",
                title: "Field",
                cell: (row) => (
                  <>
                    <Name text={row.field} />
                    {row.entries && <span class="beneath small muted">{row.entries}</span>}
                  </>
                ),
              },
              { id: "a", title: a, cell: (row) => <Value text={row.a} /> },
              { id: "b", title: b, cell: (row) => <Value text={row.b} /> },
            ]}
          />
        )}
      </Panel>
      {classes.length > 0 && (
        <Panel title="By class" aside={<span class="small muted">{`${a} → ${b}`}</span>} flush>
          <Table
            caption="Metrics by class"
            sortKey="classes"
            rows={classes}
            rowKey={(row) => row.label}
            columns={[
              { id: "label", title: "Class", cell: (row) => <Name text={row.label} />, by: (row) => row.label },
              ...measures.map((measure) => ({
                id: measure,
                title: title(measure),
                cell: (row: ClassRow) => <Change pair={row.pairs[measure]} />,
                end: true,
                by: (row: ClassRow) => row.pairs[measure]?.difference ?? null,
              })),
            ]}
          />
        </Panel>
      )}
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
    </div>
  );
}

function Metrics(props: { a: string; b: string; caption: string; sortKey: string; rows: readonly MetricPair[] }) {
  return (
    <Table
      caption={props.caption}
      sortKey={props.sortKey}
      rows={props.rows}
      rowKey={(row) => row.name}
      columns={[
        { id: "name", title: "Metric", cell: (row) => <Name text={row.name} />, by: (row) => row.name },
        { id: "a", title: props.a, cell: (row) => number(row.a, 3), end: true, by: (row) => row.a },
        { id: "b", title: props.b, cell: (row) => number(row.b, 3), end: true, by: (row) => row.b },
        {
          id: "difference",
          title: "Difference",
          cell: (row) => (
            <>
              {signed(row.difference, false)}
              {isClear(row) && <span class="beneath small muted">beyond the intervals</span>}
            </>
          ),
          end: true,
          by: (row) => row.difference,
        },
      ]}
    />
  );
}

/** Breaks behind its dots and underscores where it has to. */
function Name({ text }: { text: string }) {
  return (
    <>
      {text.split(/(?<=[._])/).map((part, place) => (
        <Fragment key={`${place} ${part}`}>
          {part}
          <wbr />
        </Fragment>
      ))}
    </>
  );
}

/** A measure of one class; the difference where there is one. */
function Change({ pair }: { pair: Pair | undefined }) {
  if (!pair || (pair.a === null && pair.b === null)) return <>–</>;
  return (
    <>
      {number(pair.a, 3)} → {number(pair.b, 3)}
      {pair.difference !== 0 && pair.difference !== null && (
        <span class="beneath small muted">{signed(pair.difference, true)}</span>
      )}
    </>
  );
}

/** Its beginning where it is long, and the whole for who opens it. */
function Value({ text }: { text: string }) {
  if (text.length <= LONG) return <code class="wrap">{text || "–"}</code>;
  return (
    <details>
      <summary>
        <code>{text.slice(0, SHOWN)}…</code>
      </summary>
      <code class="wrap">{text}</code>
    </details>
  );
}
