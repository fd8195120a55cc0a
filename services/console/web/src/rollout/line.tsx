import { ago } from "../app/format";
import type { Rollout } from "../app/openapi";
import { path } from "../app/router";
import { Badge } from "../ui/parts";
import { onDevices, position, STATE_LEVEL } from "./lanes";

export function rolloutPath(rollout: Rollout): string {
  return `${path("rollouts", rollout.task, rollout.environment)}?id=${encodeURIComponent(rollout.id)}`;
}

/** A rollout in a list: what goes where, how far it is, and why it ended. */
export function RolloutLine({ rollout }: { rollout: Rollout }) {
  const reached = rollout.state === "succeeded" ? rollout.stages.length : onDevices(rollout) ? rollout.stage : 0;
  return (
    <li class="stack move">
      <div class="row spread">
        <a href={rolloutPath(rollout)}>
          {rollout.task} <span class="number">{`${rollout.from_version || "nothing"} → ${rollout.to_version}`}</span>
        </a>
        <Badge level={STATE_LEVEL[rollout.state]}>{position(rollout)}</Badge>
      </div>
      <span class="steps" aria-hidden="true">
        {rollout.stages.map((stage, index) => (
          <i
            key={`${index} ${stage.share}`}
            class={index < reached ? "done" : index === rollout.stage && onDevices(rollout) ? rollout.state : ""}
          />
        ))}
      </span>
      <div class="small muted">
        {rollout.environment}, {rollout.profile}, by {rollout.by || "nobody known"}, begun {ago(rollout.started_at)}
      </div>
      {rollout.verdict && <div class="small">{rollout.verdict.sentence}</div>}
    </li>
  );
}
