import { count } from "../app/format";
import type { Lane, RolloutView } from "../app/openapi";
import { path } from "../app/router";
import type { Level } from "../ui/parts";
import { lanesByStage } from "./lanes";

const LEVELS: Record<string, Level> = {
  serving: "ok",
  swapping: "warning",
  prefetched: "accent",
  prefetching: "accent",
  refused: "error",
  returned: "error",
  offline: "warning",
};

/** A lane a stage, with the devices that it adds. */
export function Lanes({ view }: { view: RolloutView }) {
  return (
    <ol class="lanes">
      {lanesByStage(view).map((stage, index) => (
        <li key={`${index} ${stage.name}`} class={stage.at}>
          <header>
            <h3>{stage.name}</h3>
            <span class="small muted">
              {stage.at === "now" ? "now" : stage.at === "done" ? "done" : ""}{" "}
              {stage.lanes.length > 0 && count(stage.lanes.length, "device")}
            </span>
          </header>
          <ul>
            {stage.lanes.map((lane) => (
              <DeviceLane key={lane.device_id} lane={lane} />
            ))}
            {stage.lanes.length === 0 && <li class="small muted">adds no device</li>}
          </ul>
        </li>
      ))}
    </ol>
  );
}

function DeviceLane({ lane }: { lane: Lane }) {
  return (
    <li class={`lane ${LEVELS[lane.lane] ?? ""}`}>
      <div class="row spread">
        <a href={path("devices", lane.device_id)}>{lane.device_id}</a>
        <span class="number small muted">{lane.version}</span>
      </div>
      <div class="row spread small">
        <span class="state">{lane.lane}</span>
        {lane.answered + lane.failed > 0 && (
          <span class="number muted">
            {count(lane.answered, "answer")}
            {lane.failed > 0 && `, ${lane.failed} failed`}
          </span>
        )}
      </div>
      {lane.reason && <div class="small muted">{lane.reason}</div>}
    </li>
  );
}
