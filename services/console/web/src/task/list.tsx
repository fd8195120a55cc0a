import { api } from "../app/api";
import { models } from "../app/commands";
import { useLoad } from "../app/load";
import type { TaskLine } from "../app/openapi";
import { path } from "../app/router";
import { Shown } from "../app/shown";
import { Command } from "../ui/button";
import { Badge, Empty, Page, Panel } from "../ui/parts";
import { Table } from "../ui/table";

/** All tasks of the registry, and where their environments point. */
export function Tasks() {
  const tasks = useLoad("tasks", (signal) => api.get<TaskLine[]>("/tasks", { signal }), 30_000);
  return (
    <Page title="Tasks">
      <Shown loaded={tasks}>
        {(data) => (
          <Panel title="In the registry" flush>
            {data.length === 0 ? (
              <Empty title="No task has been published yet.">
                <Command text="pipit train home_security.sounds --publish --promote production" />
              </Empty>
            ) : (
              <Table
                caption="Tasks of the registry"
                rows={data}
                rowKey={(row) => row.task}
                columns={[
                  {
                    id: "task",
                    title: "Task",
                    cell: (row) => <a href={path("tasks", row.task)}>{row.task}</a>,
                    by: (row) => row.task,
                  },
                  { id: "input", title: "Input", cell: (row) => row.input_kind, by: (row) => row.input_kind },
                  {
                    id: "versions",
                    title: "Versions",
                    cell: (row) => row.versions,
                    end: true,
                    by: (row) => row.versions,
                  },
                  {
                    id: "environments",
                    title: "Environments",
                    cell: (row) => (
                      <span class="row">
                        {row.environments.map(({ name, version }) => (
                          <Badge key={name} level={name === "production" && version ? "ok" : undefined}>
                            {name} {version || "none"}
                          </Badge>
                        ))}
                      </span>
                    ),
                  },
                ]}
              />
            )}
          </Panel>
        )}
      </Shown>
      <Command text={models()} />
    </Page>
  );
}
