import { useSignal } from "@preact/signals";
import { api, hasRole } from "../app/api";
import { deleteExamples } from "../app/commands";
import { bytes, count, day, number } from "../app/format";
import type { Departure } from "../app/openapi";
import { path } from "../app/router";
import { Button, Command } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { Form } from "../ui/form";
import { Empty, Panel } from "../ui/parts";
import { Table } from "../ui/table";
import { toast } from "../ui/toast";

/** What has left the device, day by day, and the way to delete it. */
export function Departures({
  device,
  departures,
  reload,
}: {
  device: string;
  departures: readonly Departure[];
  reload: () => Promise<void>;
}) {
  const deleting = useSignal<Departure | null>(null);
  const chosen = deleting.value;
  const remove = async () => {
    if (!chosen) return;
    const query = new URLSearchParams({ device, day: chosen.day });
    const { deleted } = await api.delete<{ deleted: number }>(`${path("examples", chosen.task)}?${query}`);
    deleting.value = null;
    toast(`${count(deleted, "example")} of ${day(chosen.day)} ${deleted === 1 ? "is" : "are"} deleted.`);
    await reload();
  };
  return (
    <Panel title="What has left the device" flush>
      {departures.length === 0 ? (
        <Empty title="Nothing has left it." />
      ) : (
        <Table
          caption="Examples that left the device, by day"
          sortKey="left"
          rows={departures}
          rowKey={(row) => `${row.day} ${row.task}`}
          columns={[
            {
              id: "day",
              title: "Day",
              cell: (row) => <span class="number">{day(row.day)}</span>,
              by: (row) => row.day,
            },
            {
              id: "task",
              title: "Task",
              cell: (row) => <a href={path("label", row.task)}>{row.task}</a>,
              by: (row) => row.task,
            },
            {
              id: "examples",
              title: "Examples",
              cell: (row) => `${number(row.examples)}, ${bytes(row.bytes)}`,
              end: true,
              by: (row) => row.examples,
            },
            {
              id: "do",
              title: "",
              cell: (row) => {
                if (row.deleted >= row.examples) return <span class="muted small">all deleted</span>;
                if (!hasRole("operator")) return row.deleted ? `${number(row.deleted)} deleted` : "";
                return (
                  <Button
                    kind="danger"
                    label={`Delete what left on ${day(row.day)} for ${row.task}`}
                    onClick={() => (deleting.value = row)}
                  >
                    Delete
                  </Button>
                );
              },
              end: true,
            },
          ]}
        />
      )}
      <Dialog title="Delete a day" open={chosen !== null} onClose={() => (deleting.value = null)}>
        <Form action="Delete them" kind="danger" submit={remove} cancel={() => (deleting.value = null)}>
          <p>
            All examples of {chosen?.task} that left {device} on {day(chosen?.day ?? "")} are deleted from the registry,
            with nothing left of their content. This can't be undone.
          </p>
          {chosen && <Command text={deleteExamples(chosen.task, device, chosen.day)} />}
        </Form>
      </Dialog>
    </Panel>
  );
}
