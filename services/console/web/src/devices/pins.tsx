import { useSignal } from "@preact/signals";
import { api, hasRole } from "../app/api";
import { pin, unpin } from "../app/commands";
import { ago, duration } from "../app/format";
import { useLoad } from "../app/load";
import type { Device, TaskAnswer, TaskReport } from "../app/openapi";
import { path } from "../app/router";
import { Button, Command } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { Form } from "../ui/form";
import { Badge, Empty, Field, Panel } from "../ui/parts";
import { Table } from "../ui/table";
import { toast } from "../ui/toast";
import { stepOf } from "./state";

interface Row {
  report: TaskReport;
  pin: Device["pins"][number] | undefined;
}

/** Task by task what the device is wanted to run, what it runs, and what keeps it. */
export function Tasks({ device, reload }: { device: Device; reload: () => Promise<void> }) {
  const pinning = useSignal("");
  const rows: Row[] = device.tasks.map((report) => ({
    report,
    pin: device.pins.find((one) => one.task === report.task),
  }));
  const release = async (task: string) => {
    await api.delete(path("devices", device.device_id, "pins", task));
    toast(`${device.device_id} follows its environment again with ${task}.`);
    await reload();
  };
  return (
    <Panel title="Tasks" flush>
      {rows.length === 0 ? (
        <Empty title="It has reported no task yet." />
      ) : (
        <Table
          caption="Tasks of the device"
          rows={rows}
          rowKey={({ report }) => report.task}
          columns={[
            {
              id: "task",
              title: "Task",
              cell: ({ report }) => <a href={path("tasks", report.task)}>{report.task}</a>,
              by: ({ report }) => report.task,
            },
            {
              id: "desired",
              title: "Wanted",
              cell: ({ report }) => <span class="number">{report.desired_version || "–"}</span>,
            },
            {
              id: "active",
              title: "Runs",
              cell: ({ report }) =>
                report.active_version ? (
                  <>
                    <a href={path("tasks", report.task, "versions", report.active_version)}>{report.active_version}</a>
                    <div class="small muted number">for {duration(report.active_seconds)}</div>
                  </>
                ) : (
                  "–"
                ),
            },
            {
              id: "state",
              title: "State",
              cell: ({ report }) => (
                <>
                  <Badge level={stepOf(report).level}>{stepOf(report).text}</Badge>
                  {(report.reason || report.candidate_reason) && (
                    <div class="small muted reason">{report.reason || report.candidate_reason}</div>
                  )}
                </>
              ),
            },
            {
              id: "pin",
              title: "Pinned",
              cell: ({ pin: held }) =>
                held ? (
                  <>
                    <span class="number">{held.version}</span>
                    <div class="small muted">
                      by {held.by || "nobody known"}, {ago(held.at)}
                      {held.reason && `: ${held.reason}`}
                    </div>
                  </>
                ) : (
                  "–"
                ),
            },
            {
              id: "do",
              title: "",
              cell: ({ report, pin: held }) =>
                hasRole("operator") && (
                  <span class="row">
                    {held ? (
                      <Button
                        command={unpin(device.device_id, report.task)}
                        onClick={() => release(report.task)}
                        label={`Unpin ${report.task}`}
                      >
                        Unpin
                      </Button>
                    ) : (
                      <Button onClick={() => (pinning.value = report.task)} label={`Pin ${report.task}`}>
                        Pin
                      </Button>
                    )}
                  </span>
                ),
              end: true,
            },
          ]}
        />
      )}
      <Dialog title={`Pin ${pinning.value}`} open={pinning.value !== ""} onClose={() => (pinning.value = "")}>
        <PinForm
          key={pinning.value}
          device={device}
          task={pinning.value}
          close={() => (pinning.value = "")}
          reload={reload}
        />
      </Dialog>
    </Panel>
  );
}

function PinForm({
  device,
  task,
  close,
  reload,
}: {
  device: Device;
  task: string;
  close: () => void;
  reload: () => Promise<void>;
}) {
  const version = useSignal(device.tasks.find((report) => report.task === task)?.active_version ?? "");
  const reason = useSignal("");
  const known = useLoad(`task ${task}`, (signal) => api.get<TaskAnswer>(path("tasks", task), { signal }));
  const submit = async () => {
    await api.put(path("devices", device.device_id, "pins", task), {
      version: version.value,
      reason: reason.value.trim(),
    });
    close();
    toast(`${device.device_id} keeps ${version.value} of ${task}.`);
    await reload();
  };
  return (
    <Form action="Pin" submit={submit} cancel={close}>
      <p>
        {device.device_id} keeps this version wherever its environment points, and plays no part in rollouts until it is
        unpinned.
      </p>
      <Field label="Version">
        <select
          class="input"
          required
          value={version.value}
          onChange={(event) => (version.value = event.currentTarget.value)}
        >
          {!known.data?.versions.some((one) => one.version === version.value) && <option>{version.value}</option>}
          {known.data?.versions.map((one) => (
            <option key={one.version}>{one.version}</option>
          ))}
        </select>
      </Field>
      <Field label="Reason" hint="The list of devices shows it.">
        <input class="input" value={reason.value} onInput={(event) => (reason.value = event.currentTarget.value)} />
      </Field>
      <Command text={pin(device.device_id, task, version.value, reason.value)} />
    </Form>
  );
}
