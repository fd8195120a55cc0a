import { describe, expect, it } from "vitest";
import type { Device, TaskReport } from "../src/app/openapi";
import { consentProblem } from "../src/devices/consents";
import { filtered, heat, stepOf } from "../src/devices/state";
import { where } from "../src/now/answer";
import { byUrgency } from "../src/now/attention";
import { budget } from "../src/now/tile";
import { level, Ring, wav } from "../src/now/wav";
import { isClear, pair, signed } from "../src/task/compare";
import { apart, title } from "../src/task/measures";
import { ticks } from "../src/task/metric_chart";
import { isShare } from "../src/task/versions";
import { difference, shares } from "../src/ui/confusion";
import { sparkPath } from "../src/ui/spark";
import { sorted } from "../src/ui/table";

describe("sounds that are tried", () => {
  it("are WAV of 16 bits", async () => {
    const view = new DataView(await wav(new Float32Array([0, 1, -1, 2]), 16_000).arrayBuffer());
    const text = (at: number) => String.fromCharCode(...new Uint8Array(view.buffer, at, 4));
    expect([text(0), text(8), text(36)]).toEqual(["RIFF", "WAVE", "data"]);
    expect([
      view.getUint32(4, true),
      view.getUint32(24, true),
      view.getUint16(34, true),
      view.getUint32(40, true),
    ]).toEqual([44, 16_000, 16, 8]);
    expect([44, 46, 48, 50].map((at) => view.getInt16(at, true))).toEqual([0, 32767, -32767, 32767]);
  });
  it("keep the last moment only", () => {
    const ring = new Ring(4);
    ring.push(new Float32Array([1, 2]));
    expect([...ring.samples]).toEqual([1, 2]);
    ring.push(new Float32Array([3, 4, 5]));
    expect([...ring.samples]).toEqual([2, 3, 4, 5]);
    ring.push(new Float32Array([6, 7, 8, 9, 10, 11]));
    expect([...ring.samples]).toEqual([8, 9, 10, 11]);
  });
  it("have a level", () => {
    expect(level(new Float32Array(100))).toBe(-90);
    expect(level(new Float32Array(100).fill(1))).toBeCloseTo(0, 5);
    expect(level(new Float32Array(100).fill(0.1))).toBeCloseTo(-20, 5);
  });
});

describe("now", () => {
  it("has the worst first and keeps the order of equals", () => {
    const item = (text: string, of: "error" | "warning" | "info") => ({
      level: of,
      text,
      task: "",
      device: "",
      link: "",
    });
    expect(
      byUrgency([item("a", "info"), item("b", "error"), item("c", "warning"), item("d", "error")]).map(
        ({ text }) => text,
      ),
    ).toEqual(["b", "d", "c", "a"]);
  });
  it("knows how much of a budget is used", () => {
    expect(budget(50, 100)).toEqual({ share: 0.5, level: "ok" });
    expect([budget(90, 100)?.level, budget(120, 100)?.level, budget(null, 100), budget(10, null)]).toEqual([
      "warning",
      "error",
      null,
      null,
    ]);
  });
  it("says where a prediction is", () => {
    const part = { label: "dog", unknown: false, uncertain: false, scores: [] };
    expect(where({ ...part, box: [], span: [0, 1.5] })).toBe("0.0 to 1.5 s");
    expect(where({ ...part, box: [1.4, 2, 30, 40], span: [] })).toBe("30 × 40 at 1, 2");
    expect(where({ ...part, box: [], span: [] })).toBe("");
  });
  it("draws a curve with its gaps", () => {
    expect(sparkPath([1, null, 2, 1], 30, 12)).toBe("M0.0 6.0M20.0 1.0L30.0 6.0");
    expect(sparkPath([null, 3], 30, 12)).toBe("");
  });
});

describe("a metric", () => {
  it("is a share by its range, but never where its name tells another unit", () => {
    expect(isShare({ name: "accuracy", value: 0.9, high: 0.98 })).toBe(true);
    expect(isShare({ name: "log_loss", value: 0.396, high: null })).toBe(false);
    expect(isShare({ name: "delay_seconds", value: 0.5, high: 0.9 })).toBe(false);
    expect(isShare({ name: "alarms_per_hour", value: 0.5, high: 1.7 })).toBe(false);
  });
});

describe("a comparison", () => {
  it("takes the newest two unless the address names others", () => {
    expect(pair(["3", "2", "1"], new URLSearchParams())).toEqual(["2", "3"]);
    expect(pair(["3", "2", "1"], new URLSearchParams("a=1&b=9"))).toEqual(["1", "3"]);
    expect(pair(["1"], new URLSearchParams())).toBeNull();
  });
  it("tells a difference from chance by the intervals", () => {
    expect(isClear({ a_low: 0.7, a_high: 0.8, b_low: 0.81, b_high: 0.9 })).toBe(true);
    expect(isClear({ a_low: 0.7, a_high: 0.8, b_low: 0.79, b_high: 0.9 })).toBe(false);
    expect(isClear({ a_low: null, a_high: 0.8, b_low: 0.9, b_high: 0.95 })).toBe(false);
    expect([signed(0.031, true), signed(-2.5, false), signed(0, true), signed(null, true)]).toEqual([
      "+3.1 points",
      "−2.50",
      "0",
      "–",
    ]);
  });
  it("keeps what is of one class or one condition apart from the headline", () => {
    const none = { a_low: null, a_high: null, b_low: null, b_high: null };
    const metric = (name: string, a: number, b: number) => ({ name, a, b, difference: b - a, ...none });
    const found = apart({
      per_class: [{ label: "dog", a: 0.5, b: 0.75, difference: 0.25 }],
      metrics: [
        metric("accuracy", 0.5, 1),
        metric("f1.dog", 0.5, 0.75),
        metric("average_precision.dog", 1, 1),
        metric("robust.gap.rate", 0, 0),
      ],
    });
    expect([found.headline, found.others].map((rows) => rows.map(({ name }) => name))).toEqual([
      ["accuracy"],
      ["robust.gap.rate"],
    ]);
    expect(found.measures.map(title)).toEqual(["F1", "Average precision"]);
    expect(found.classes.map(({ label, pairs }) => [label, pairs.f1?.difference, pairs.average_precision?.b])).toEqual([
      ["dog", 0.25, 1],
    ]);
    expect(apart({ per_class: [], metrics: [metric("recall.dog", 1, 1)] }).measures).toEqual([]);
  });
  it("takes matrices apart by shares of their rows and by label", () => {
    expect(
      shares([
        [1, 3],
        [0, 0],
      ]),
    ).toEqual([
      [0.25, 0.75],
      [0, 0],
    ]);
    const made = difference(
      {
        labels: ["cat", "dog"],
        matrix: [
          [1, 1],
          [0, 4],
        ],
      },
      {
        labels: ["dog", "cat", "owl"],
        matrix: [
          [3, 1, 0],
          [0, 2, 0],
          [0, 0, 1],
        ],
      },
    );
    expect(made).toEqual({
      labels: ["cat", "dog"],
      matrix: [
        [0.5, -0.5],
        [0.25, -0.25],
      ],
    });
  });
  it("has round numbers at the axis that hold both ends", () => {
    expect(ticks(0.71, 0.93)).toEqual([0.7, 0.8, 0.9, 1]);
    expect(ticks(3, 17)).toEqual([0, 5, 10, 15, 20]);
  });
});

describe("devices", () => {
  const report: TaskReport = {
    task: "home.sounds",
    desired_version: "1.1.0",
    revision: 1,
    active_version: "1.1.0",
    active_digest: "",
    state: "serving",
    failed_step: "",
    reason: "",
    golden_deviation: null,
    active_seconds: 1,
    candidate_version: "",
    candidate_state: "unspecified",
    candidate_failed_step: "",
    candidate_reason: "",
    standby: false,
  };
  const device = (device_id: string, change: Partial<Device> = {}): Device => ({
    device_id,
    environment: "production",
    board: "Raspberry Pi 4",
    software: "",
    last_seen: null,
    online: true,
    tasks: [report],
    pins: [],
    has_token: false,
    cpu_temperature: null,
    throttled: null,
    memory_available: null,
    up_seconds: 0,
    ...change,
  });
  it("say whether they are in step, and why not", () => {
    expect(stepOf(report)).toEqual({ level: "ok", text: "in step" });
    expect(stepOf({ ...report, active_version: "1.0.0" }).text).toBe("behind");
    expect(stepOf({ ...report, active_version: "" }).text).toBe("loading");
    expect(stepOf({ ...report, state: "refused", failed_step: "golden" })).toEqual({
      level: "error",
      text: "refused at golden",
    });
    expect(stepOf({ ...report, candidate_version: "1.2.0", candidate_state: "prefetching" }).text).toBe(
      "fetching 1.2.0",
    );
    expect(stepOf({ ...report, candidate_version: "1.2.0", candidate_state: "refused" }).level).toBe("error");
  });
  it("are found by any of their words", () => {
    const all = [
      device("pi-1"),
      device("pi-2", { online: false, tasks: [] }),
      device("attic", { board: "Raspberry Pi 5" }),
    ];
    const names = (word: string) => filtered(all, word).map(({ device_id }) => device_id);
    expect([names("pi-"), names("offline"), names("pi 5 1.1.0"), names("")]).toEqual([
      ["pi-1", "pi-2"],
      ["pi-2"],
      ["attic"],
      ["pi-1", "pi-2", "attic"],
    ]);
  });
  it("get hot", () => {
    expect([
      heat({ cpu_temperature: 79, throttled: false }),
      heat({ cpu_temperature: 80, throttled: null }),
      heat({ cpu_temperature: 50, throttled: true }),
    ]).toEqual([undefined, "warning", "error"]);
  });
  it("are sorted, unknown values last in both directions", () => {
    const columns = [{ id: "heat", title: "", cell: () => "", by: (row: Device) => row.cpu_temperature }];
    const rows = [device("a"), device("b", { cpu_temperature: 50 }), device("c", { cpu_temperature: 70 })];
    const ids = (order: string | null) =>
      sorted(rows, columns, order)
        .map(({ device_id }) => device_id)
        .join("");
    expect([ids("heat"), ids("-heat"), ids(null), ids("other")]).toEqual(["bca", "cba", "abc", "abc"]);
  });
  it("keep nothing without words that somebody agreed to", () => {
    expect(consentProblem({ text: " " })).toContain("agreed");
    expect(consentProblem({ text: "yes", low: 0.7, high: 0.6 })).toContain("lower");
    expect(consentProblem({ text: "yes", low: 0.4, high: 0.6 })).toBe("");
  });
});
