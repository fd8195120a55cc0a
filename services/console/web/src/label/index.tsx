import { api } from "../app/api";
import { number } from "../app/format";
import { useLoad } from "../app/load";
import { path } from "../app/router";
import { Empty, ErrorBox, Page, Panel, Skeleton } from "../ui/parts";
import { Table } from "../ui/table";

interface LabelTask {
  task: string;
  input_kind: string;
  examples: number;
  labelled: number;
  waiting: number;
  disagreements: number;
}

/** What waits for a label, task by task. */
export default function Label() {
  const tasks = useLoad("label", (signal) => api.get<LabelTask[]>("/label", { signal }), 10_000);
  return (
    <Page title="Label">
      {tasks.error && <ErrorBox error={tasks.error} retry={tasks.reload} />}
      {!tasks.data && !tasks.error && <Skeleton />}
      {tasks.data && (
        <Panel title="Tasks" flush>
          {tasks.data.length === 0 ? (
            <Empty title="No task has examples yet." />
          ) : (
            <Table
              caption="What waits for a label, by task"
              rows={tasks.data}
              rowKey={(row) => row.task}
              columns={[
                {
                  id: "task",
                  title: "Task",
                  cell: (row) => <a href={path("label", row.task)}>{row.task}</a>,
                  by: (row) => row.task,
                },
                {
                  id: "examples",
                  title: "Examples",
                  cell: (row) => number(row.examples),
                  end: true,
                  by: (row) => row.examples,
                },
                {
                  id: "labelled",
                  title: "Labelled",
                  cell: (row) => number(row.labelled),
                  end: true,
                  by: (row) => row.labelled,
                },
                {
                  id: "waiting",
                  title: "Waiting",
                  cell: (row) => number(row.waiting),
                  end: true,
                  by: (row) => row.waiting,
                },
                {
                  id: "disagreements",
                  title: "Disagreements",
                  cell: (row) => number(row.disagreements),
                  end: true,
                  by: (row) => row.disagreements,
                },
              ]}
            />
          )}
        </Panel>
      )}
    </Page>
  );
}
