import { api } from "../app/api";
import { count, number } from "../app/format";
import { Live } from "../app/live";
import { useLoad } from "../app/load";
import type { Overview } from "../app/openapi";
import { path, place, setQuery } from "../app/router";
import { Shown } from "../app/shown";
import { RolloutLine } from "../rollout/line";
import { Moves } from "../task/moves";
import { Command } from "../ui/button";
import { Icon } from "../ui/icons";
import { Empty, Page, Panel } from "../ui/parts";
import { Table } from "../ui/table";
import { Attend } from "./attention";
import { Tile } from "./tile";
import { Try } from "./try";

/** What every task does now, and what needs somebody first. */
export function Now() {
  const environment = place.value.query.get("environment") ?? "production";
  const overview = useLoad(
    `overview ${environment}`,
    (signal) => api.get<Overview>(`/overview?environment=${encodeURIComponent(environment)}`, { signal }),
    5000,
  );
  const environments = overview.data?.environments ?? [];
  return (
    <Page
      title="Now"
      actions={
        <>
          {environments.length > 1 && (
            <select
              class="input auto"
              aria-label="Environment"
              value={environment}
              onChange={(event) => setQuery({ environment: event.currentTarget.value }, {})}
            >
              {environments.map((name) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          )}
          <Live loaded={overview} />
        </>
      }
    >
      <Shown loaded={overview}>{(data) => <Everything data={data} />}</Shown>
      <Try tasks={overview.data?.tasks ?? []} />
    </Page>
  );
}

function Everything({ data }: { data: Overview }) {
  return (
    <>
      <Attend items={data.attention} />
      {data.prometheus !== "ok" && (
        <p class="note small muted">
          <Icon name="info" />
          {data.prometheus === "none"
            ? "No Prometheus is set for the console (PIPIT_CONSOLE_PROMETHEUS): rates and times are not known."
            : `Prometheus is ${data.prometheus}; rates and times are not known until it is back.`}
        </p>
      )}
      {data.tasks.length === 0 ? (
        <Panel title="Tasks">
          <Empty title="No task has been published yet.">
            <p>Train one and send it to the registry:</p>
            <Command text="pipit train home_security.sounds --publish --promote production" />
          </Empty>
        </Panel>
      ) : (
        <section class="grid" aria-label="Tasks">
          {data.tasks.map((tile) => (
            <Tile key={tile.task} tile={tile} />
          ))}
        </section>
      )}
      <div class="halves">
        <div class="stack">
          <Panel title="Open rollouts" aside={<a href="/rollouts">All</a>} flush>
            {data.rollouts.length === 0 ? (
              <Empty title="No version is on its way." />
            ) : (
              <ul class="lines">
                {data.rollouts.map((rollout) => (
                  <RolloutLine key={rollout.id} rollout={rollout} />
                ))}
              </ul>
            )}
          </Panel>
          <Panel title="To be labelled" aside={<a href="/label">Label</a>} flush>
            {data.label_queues.length === 0 ? (
              <Empty title="No examples are kept yet.">
                <p>Give consent on a device's page, and what its model is unsure of comes here.</p>
              </Empty>
            ) : (
              <Table
                caption="Examples that wait for a label"
                sortKey="queues"
                rows={data.label_queues}
                rowKey={(queue) => queue.task}
                columns={[
                  {
                    id: "task",
                    title: "Task",
                    cell: (queue) => <a href={path("label", queue.task)}>{queue.task}</a>,
                    by: (queue) => queue.task,
                  },
                  {
                    id: "waiting",
                    title: "Waiting",
                    cell: (queue) => number(queue.waiting),
                    end: true,
                    by: (queue) => queue.waiting,
                  },
                  {
                    id: "differ",
                    title: "Disagreements",
                    cell: (queue) => number(queue.disagreements),
                    end: true,
                    by: (queue) => queue.disagreements,
                  },
                ]}
              />
            )}
          </Panel>
        </div>
        <Panel title="Last moves" aside={<span class="muted small">{count(data.moves.length, "move")}</span>} flush>
          <Moves moves={data.moves} />
        </Panel>
      </div>
    </>
  );
}
