// @vitest-environment node
import { describe, expect, it } from "vitest";
import type { Lane, Rollout } from "../src/app/openapi";
import { evidenceBar, lanesByStage, plan, position } from "../src/rollout/lanes";

const stage = (devices: number, share: number, bake_seconds = 0, holds = false) => ({
  devices,
  share,
  bake_seconds,
  holds,
});
const rollout: Rollout = {
  id: "r1",
  task: "home.sounds",
  environment: "production",
  from_version: "1.0.0",
  to_version: "1.1.0",
  state: "running",
  stage: 1,
  stages: [stage(1, 0, 15), stage(0, 0.25, 70), stage(0, 1)],
  started_at: "2026-11-01T12:00:00Z",
  stage_since: "2026-11-01T12:00:20Z",
  by: "ada",
  reason: "",
  profile: "fast",
  rules: "default/1",
  when_silent: "pause",
  shadow: false,
  order: ["a", "b", "c", "d", "e", "f", "g", "h"],
  canaries: ["a", "b"],
  verdict: null,
  ended_at: null,
  revision: 3,
};
const lane = (device_id: string, kind = "waiting"): Lane => ({
  device_id,
  lane: kind,
  version: "1.0.0",
  reason: "",
  answered: 0,
  failed: 0,
});

describe("a rollout in words", () => {
  it("has its stages and where it stands", () => {
    expect(plan(rollout)).toBe("1 device for 15 s, then 25 % for 1 min 10 s, then all");
    expect(position(rollout)).toBe("running, stage 2 of 3");
    expect(position({ ...rollout, state: "paused", canaries: [] })).toBe("paused");
    expect(plan({ ...rollout, stages: [stage(0, 0.5, 0, true)] })).toBe("50 % until you say so");
  });
});

describe("lanes", () => {
  const lanes = [..."abcdefgh"].map((id) => lane(id));
  const named = (view: Parameters<typeof lanesByStage>[0]) =>
    lanesByStage(view).map((row) => [row.at, row.lanes.map(({ device_id }) => device_id).join("")]);
  it("hold what each stage adds", () => {
    expect(named({ rollout, lanes })).toEqual([
      ["done", "a"],
      ["now", "b"],
      ["", "cdefgh"],
    ]);
  });
  it("put pinned devices and late ones at the end, and lose none", () => {
    const all = [lane("a", "pinned"), ...lanes.slice(1), lane("z")];
    expect(named({ rollout, lanes: all })).toEqual([
      ["done", ""],
      ["now", "b"],
      ["", "cdefgh"],
      ["", "a"],
      ["", "z"],
    ]);
  });
  it("reach at least one device, whatever the share", () => {
    const few = { ...rollout, stages: [stage(0, 0.01), stage(0, 1)], stage: 0, order: ["a", "b"], canaries: ["a"] };
    expect(named({ rollout: few, lanes: lanes.slice(0, 2) })).toEqual([
      ["now", "a"],
      ["", "b"],
    ]);
  });
});

describe("a bar of evidence", () => {
  it("has its limit at three quarters and never leaves the bar", () => {
    expect(evidenceBar({ value: 1, limit: 2, fires: false, then: "abort" })).toEqual({
      share: 0.375,
      limit: 0.75,
      level: "ok",
    });
    expect(evidenceBar({ value: 1.9, limit: 2, fires: false, then: "abort" }).level).toBe("warning");
    expect(evidenceBar({ value: 50, limit: 2, fires: true, then: "abort" })).toEqual({
      share: 1,
      limit: 0.75,
      level: "error",
    });
    expect(evidenceBar({ value: 50, limit: 2, fires: true, then: "pause" }).level).toBe("warning");
  });
  it("takes what has no sense as nothing", () => {
    expect(evidenceBar({ value: -3, limit: 2, fires: false, then: "abort" }).share).toBe(0);
    expect(evidenceBar({ value: 0, limit: 0, fires: false, then: "abort" }).share).toBe(0);
    expect(evidenceBar({ value: 1, limit: 0, fires: true, then: "abort" }).share).toBe(1);
  });
});
