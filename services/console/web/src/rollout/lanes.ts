/** A rollout's stages in words, and which device is at which: as `pipit rollout watch` has it. */
import { count, duration } from "../app/format";
import type { Evidence, Lane, Rollout, RolloutState, RolloutView, Stage } from "../app/openapi";
import type { Level } from "../ui/parts";

export function isOpen(rollout: Rollout): boolean {
  return ["prefetching", "running", "paused"].includes(rollout.state);
}

/** Whether a stage runs: one that was paused while devices still fetched the version has none. */
export function onDevices(rollout: Rollout): boolean {
  return rollout.state === "running" || (rollout.state === "paused" && rollout.canaries.length > 0);
}

export function stageName(stage: Stage): string {
  if (stage.devices) return count(stage.devices, "device");
  return stage.share >= 1 ? "all" : `${Math.round(stage.share * 1000) / 10} %`;
}

export function plan(rollout: Rollout): string {
  return rollout.stages
    .map(
      (stage) =>
        stageName(stage) +
        (stage.holds ? " until you say so" : stage.bake_seconds ? ` for ${duration(stage.bake_seconds)}` : ""),
    )
    .join(", then ");
}

export function position(rollout: Rollout): string {
  return onDevices(rollout)
    ? `${rollout.state}, stage ${rollout.stage + 1} of ${rollout.stages.length}`
    : rollout.state;
}

export const STATE_LEVEL: Record<RolloutState, Level | undefined> = {
  unspecified: undefined,
  prefetching: "accent",
  running: "accent",
  paused: "warning",
  succeeded: "ok",
  aborted: "error",
  superseded: undefined,
};

export interface StageLanes {
  name: string;
  at: "done" | "now" | "";
  lanes: readonly Lane[];
}

/** One row a stage with the devices that it adds; last, pinned ones and those that came later. */
export function lanesByStage({ rollout, lanes }: Pick<RolloutView, "rollout" | "lanes">): StageLanes[] {
  const running = onDevices(rollout);
  const placeOf = new Map(rollout.order.map((device, index) => [device, index]));
  let begin = 0;
  const rows = rollout.stages.map((stage, index): StageLanes => {
    // As the registry has it: a share is never exceeded, but one device is always reached.
    const wanted = stage.devices || Math.floor(stage.share * rollout.order.length + 1e-9);
    let end = Math.min(rollout.order.length, Math.max(begin, 1, wanted));
    const now = running && index === rollout.stage;
    if (now) end = Math.max(begin, rollout.canaries.length);
    const inside = lanes.filter((lane) => {
      const at = placeOf.get(lane.device_id) ?? -1;
      return lane.lane !== "pinned" && at >= begin && at < end;
    });
    begin = end;
    const done = rollout.state === "succeeded" || (running && index < rollout.stage);
    return { name: stageName(stage), at: done ? "done" : now ? "now" : "", lanes: inside };
  });
  const pinned = lanes.filter((lane) => lane.lane === "pinned");
  const late = lanes.filter((lane) => lane.lane !== "pinned" && !placeOf.has(lane.device_id));
  if (pinned.length) rows.push({ name: "pinned", at: "", lanes: pinned });
  if (late.length) rows.push({ name: "came later", at: "", lanes: late });
  return rows;
}

/**
 * A rule's value and its limit on one bar: the limit stands at three quarters of it, so that what is over it is seen;
 * values beyond the end fill it. Values and limits below zero count as nothing.
 */
export function evidenceBar({ value, limit, fires, then }: Pick<Evidence, "value" | "limit" | "fires" | "then">): {
  share: number;
  limit: number;
  level: Level;
} {
  const mark = 0.75;
  const used = limit > 0 ? Math.max(0, value) / limit : value > 0 ? 4 / 3 : 0;
  const level: Level = fires ? (then === "pause" ? "warning" : "error") : used > 0.7 ? "warning" : "ok";
  return { share: Math.min(1, used * mark), limit: mark, level };
}
