import { useRef } from "preact/hooks";
import { api } from "../app/api";
import { devices as devicesCommand } from "../app/commands";
import { ago, bytes, count, moment } from "../app/format";
import { useKeys } from "../app/keys";
import { Live } from "../app/live";
import { useLoad } from "../app/load";
import type { Device } from "../app/openapi";
import { path, place, setQuery } from "../app/router";
import { Shown } from "../app/shown";
import { Command } from "../ui/button";
import { Badge, Empty, Page, Panel } from "../ui/parts";
import { Table } from "../ui/table";
import { filtered, heat, stepOf } from "./state";

/** All devices: what each is wanted to run, what it runs, and how it is. */
export function Devices() {
  const loaded = useLoad("devices", (signal) => api.get<Device[]>("/devices", { signal }), 5000);
  const word = place.value.query.get("filter") ?? "";
  const field = useRef<HTMLInputElement>(null);
  useKeys("Devices", [{ key: "/", what: "Filter the devices", run: () => field.current?.focus() }]);
  return (
    <Page
      title="Devices"
      actions={
        <>
          <input
            ref={field}
            class="input auto"
            type="search"
            placeholder="Filter"
            aria-label="Filter the devices"
            value={word}
            onInput={(event) => setQuery({ filter: event.currentTarget.value || null })}
          />
          <Live loaded={loaded} />
        </>
      }
    >
      <Shown loaded={loaded}>{(data) => <List devices={data} word={word} />}</Shown>
      <Command text={devicesCommand()} />
    </Page>
  );
}

function List({ devices, word }: { devices: readonly Device[]; word: string }) {
  const found = filtered(devices, word);
  const online = found.filter((device) => device.online).length;
  return (
    <Panel title={count(found.length, "device")} aside={<span class="small muted">{`${online} online`}</span>} flush>
      {found.length === 0 ? (
        <Empty
          title={devices.length ? "No device fits the filter." : "No device has asked the registry for anything yet."}
        >
          {devices.length === 0 && <Command text="pipit serve home_security.sounds" />}
        </Empty>
      ) : (
        <Table
          caption="Devices"
          rows={found}
          rowKey={(row) => row.device_id}
          columns={[
            {
              id: "device",
              title: "Device",
              cell: (row) => (
                <>
                  <a href={path("devices", row.device_id)}>{row.device_id}</a>
                  <div class="small muted number">{row.board || "board unknown"}</div>
                </>
              ),
              by: (row) => row.device_id,
            },
            {
              id: "environment",
              title: "Environment",
              cell: (row) => row.environment || "–",
              by: (row) => row.environment,
            },
            {
              id: "tasks",
              title: "Runs",
              cell: (row) => (
                <ul class="runs">
                  {row.tasks.map((report) => {
                    const step = stepOf(report);
                    const pinned = row.pins.some((pin) => pin.task === report.task);
                    return (
                      <li key={report.task}>
                        <a href={path("tasks", report.task)}>{report.task}</a>
                        <span class="number">
                          {report.active_version || "nothing"}
                          {report.desired_version && report.desired_version !== report.active_version && (
                            <span class="muted">{` → ${report.desired_version}`}</span>
                          )}
                        </span>
                        <span class="row">
                          <Badge level={step.level}>{step.text}</Badge>
                          {pinned && <Badge level="accent">pinned</Badge>}
                        </span>
                      </li>
                    );
                  })}
                  {row.tasks.length === 0 && <li class="muted">nothing</li>}
                </ul>
              ),
            },
            {
              id: "seen",
              title: "Last report",
              cell: (row) => (
                <span class="number" title={moment(row.last_seen)}>
                  {row.online ? <Badge level="ok">online</Badge> : <Badge level="warning">offline</Badge>}{" "}
                  <span class="small muted number">{ago(row.last_seen)}</span>
                </span>
              ),
              by: (row) => row.last_seen,
            },
            {
              id: "heat",
              title: "Heat",
              cell: (row) => (
                <span class="row">
                  {heat(row) ? <Badge level={heat(row)}>{row.throttled ? "throttled" : "hot"}</Badge> : null}
                  {row.cpu_temperature === null ? "–" : `${Math.round(row.cpu_temperature)} °C`}
                </span>
              ),
              end: true,
              by: (row) => row.cpu_temperature,
            },
            {
              id: "memory",
              title: "Free memory",
              cell: (row) => bytes(row.memory_available),
              end: true,
              by: (row) => row.memory_available,
            },
          ]}
        />
      )}
    </Panel>
  );
}
