import { api, url } from "../app/api";
import { device as deviceCommand } from "../app/commands";
import { ago, bytes, duration, moment } from "../app/format";
import { Live } from "../app/live";
import { useLoad } from "../app/load";
import type { DeviceAnswer, Device as DeviceData } from "../app/openapi";
import { path } from "../app/router";
import { Shown } from "../app/shown";
import { Command } from "../ui/button";
import { Badge, Empty, Figure, Page, Panel } from "../ui/parts";
import { Consents } from "./consents";
import { Departures } from "./departures";
import { Tasks } from "./pins";
import { heat } from "./state";

/** One device: what it runs, what it may keep, what has left it, and its past. */
export function Device({ id }: { id: string }) {
  const here = path("devices", id);
  const loaded = useLoad(here, (signal) => api.get<DeviceAnswer>(here, { signal }), 5000);
  return (
    <Page
      title={id}
      above={<a href="/devices">Devices</a>}
      actions={
        <>
          <a class="button" href={url(`${here}/archive`)} download>
            Support archive
          </a>
          <Live loaded={loaded} />
        </>
      }
    >
      <Shown loaded={loaded}>
        {(data) => (
          <>
            <Health device={data.device} />
            <Tasks device={data.device} reload={loaded.reload} />
            <div class="halves">
              <div class="stack">
                <Consents device={data.device} consents={data.consents} reload={loaded.reload} />
                <Departures device={id} departures={data.departures} reload={loaded.reload} />
              </div>
              <Panel title="What happened" flush>
                <Timeline events={data.timeline} />
              </Panel>
            </div>
          </>
        )}
      </Shown>
      <Command text={deviceCommand(id)} />
    </Page>
  );
}

function Health({ device }: { device: DeviceData }) {
  const level = heat(device);
  return (
    <section class="panel" aria-label="How it is">
      <div class="body figures">
        <Figure name="Last report" note={moment(device.last_seen)}>
          {ago(device.last_seen)}{" "}
          <Badge level={device.online ? "ok" : "warning"}>{device.online ? "online" : "offline"}</Badge>
        </Figure>
        <Figure name="Board" note={device.software}>
          {device.board || "unknown"}
        </Figure>
        <Figure name="Environment">{device.environment || "–"}</Figure>
        <Figure name="Heat">
          {device.cpu_temperature === null ? "–" : `${Math.round(device.cpu_temperature)} °C`}{" "}
          {level && <Badge level={level}>{device.throttled ? "throttled" : "hot"}</Badge>}
        </Figure>
        <Figure name="Free memory">{bytes(device.memory_available)}</Figure>
        <Figure name="Up">{device.up_seconds ? duration(device.up_seconds) : "–"}</Figure>
        <Figure name="Token of its own">{device.has_token ? "yes" : "no"}</Figure>
      </div>
    </section>
  );
}

const KINDS = { swap: "ok", refused: "error", restart: "warning", move: "accent" } as const;

function Timeline({ events }: { events: DeviceAnswer["timeline"] }) {
  if (events.length === 0) return <Empty title="Nothing is known of its past." />;
  return (
    <ol class="timeline">
      {events.map((event) => (
        <li key={`${event.at} ${event.kind} ${event.task} ${event.text}`} class={KINDS[event.kind]}>
          <div class="row">
            <Badge level={KINDS[event.kind]}>{event.kind}</Badge>
            {event.task && <a href={path("tasks", event.task)}>{event.task}</a>}
            <time class="small muted" dateTime={event.at} title={moment(event.at)}>
              {ago(event.at)}
            </time>
          </div>
          <p>{event.text}</p>
        </li>
      ))}
    </ol>
  );
}
