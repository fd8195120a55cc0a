import { api, hasRole } from "../app/api";
import { history, models, rollback } from "../app/commands";
import { useLoad } from "../app/load";
import type { TaskAnswer } from "../app/openapi";
import { path } from "../app/router";
import { Shown } from "../app/shown";
import { Reasoned } from "../rollout/reasoned";
import { Command } from "../ui/button";
import { Badge, currentTab, Page, Panel, Tabs } from "../ui/parts";
import { toast } from "../ui/toast";
import { Compare } from "./compare";
import { LiveCurves } from "./live_curves";
import { Moves } from "./moves";
import { Versions } from "./versions";

const TABS = ["versions", "compare", "live", "moves"] as const;
const TITLES = { versions: "Versions", compare: "Compare", live: "Last hour", moves: "Moves" } as const;

export function Task({ task }: { task: string }) {
  const loaded = useLoad(`task ${task}`, (signal) => api.get<TaskAnswer>(path("tasks", task), { signal }), 15_000);
  const tab = currentTab("tab", TABS);
  const environments = loaded.data?.environments ?? [];
  const back = async (environment: string, reason: string) => {
    await api.post(path("tasks", task, "rollback"), { environment, reason });
    toast(`${environment} of ${task} goes back to the version before.`);
    await loaded.reload();
  };
  return (
    <Page
      title={task}
      above={<a href="/tasks">Tasks</a>}
      actions={environments.map(({ name, version }) => (
        <Badge key={name} level={name === "production" && version ? "ok" : undefined}>
          {name} {version || "none"}
        </Badge>
      ))}
    >
      <Tabs name="tab" label="Parts of the task" current={tab} tabs={TABS.map((id) => ({ id, title: TITLES[id] }))} />
      {tab === "live" ? (
        <LiveCurves task={task} />
      ) : (
        <Shown loaded={loaded}>
          {(data) =>
            tab === "versions" ? (
              <Versions data={data} />
            ) : tab === "compare" ? (
              <Compare data={data} />
            ) : (
              <>
                <Panel title="Moves" flush>
                  <Moves moves={data.history} />
                </Panel>
                {hasRole("operator") &&
                  environments
                    .filter(({ version }) => version)
                    .map(({ name }) => (
                      <div key={name}>
                        <Reasoned
                          title={`Roll back ${name}`}
                          text={`${name} of ${task} goes back to the version that it had before, at once. A rollout that is under way is stopped.`}
                          command={(reason) => rollback(task, name, reason)}
                          run={(reason) => back(name, reason)}
                        />
                      </div>
                    ))}
              </>
            )
          }
        </Shown>
      )}
      <Command text={tab === "moves" ? history(task) : models(task)} />
    </Page>
  );
}
