import { api } from "../app/api";
import { Live } from "../app/live";
import { useLoad } from "../app/load";
import type { Rollout, TaskLine } from "../app/openapi";
import { place, setQuery } from "../app/router";
import { Shown } from "../app/shown";
import { Command } from "../ui/button";
import { Empty, Page, Panel } from "../ui/parts";
import { isOpen } from "./lanes";
import { RolloutLine } from "./line";

/** All rollouts: those under way, and how the others ended. */
export function Rollouts() {
  const task = place.value.query.get("task") ?? "";
  const loaded = useLoad(
    `rollouts ${task}`,
    (signal) => api.get<Rollout[]>(`/rollouts?task=${encodeURIComponent(task)}`, { signal }),
    5000,
  );
  const tasks = useLoad("tasks", (signal) => api.get<TaskLine[]>("/tasks", { signal }));
  const list = (rollouts: readonly Rollout[], none: string) =>
    rollouts.length === 0 ? (
      <Empty title={none} />
    ) : (
      <ul class="lines">
        {rollouts.map((rollout) => (
          <RolloutLine key={rollout.id} rollout={rollout} />
        ))}
      </ul>
    );
  return (
    <Page
      title="Rollouts"
      actions={
        <>
          <select
            class="input auto"
            aria-label="Task"
            value={task}
            onChange={(event) => setQuery({ task: event.currentTarget.value || null }, {})}
          >
            <option value="">all tasks</option>
            {tasks.data?.map((line) => (
              <option key={line.task}>{line.task}</option>
            ))}
          </select>
          <Live loaded={loaded} />
        </>
      }
    >
      <Shown loaded={loaded}>
        {(data) => (
          <>
            <Panel title="Under way" flush>
              {list(data.filter(isOpen), "No version is on its way. A version's page has the button that promotes it.")}
            </Panel>
            <Panel title="Ended" flush>
              {list(
                data.filter((rollout) => !isOpen(rollout)),
                "None has ended yet.",
              )}
            </Panel>
          </>
        )}
      </Shown>
      <Command text="pipit rollout list" />
    </Page>
  );
}
