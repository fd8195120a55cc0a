import { describe, expect, it } from "vitest";
import * as commands from "../src/app/commands";
import * as label from "../src/label/commands";
import { promotion } from "../src/version/promote";
import cases from "./commands.json";

/** The same lines are read by services/console/tests/test_page_commands.py, which holds them to the real command line. */
const made: Record<string, string> = {
  label_add: label.addCommand("home.sounds", "20261129-0123456789abcdef0123456789abcdef", "glass breaking"),
  label_new: label.newLabelCommand("home.sounds", "owl"),
  label_stats: label.statsCommand("home.sounds"),
  label_freeze: label.freezeCommand("home.sounds", "november"),
  label_export: label.exportCommand("home.sounds", "coco"),
  label_import: label.importCommand("home.sounds", "labelstudio", "FILE"),
  promote: commands.promote("home.sounds", {
    version: "1.1.0",
    environment: "production",
    profile: "careful",
    first: ["pi-7", "pi 8"],
    when_silent: "abort",
    supersede: true,
    override_gates: true,
    reason: "it's good",
  }),
  promote_plainly: commands.promote("home.sounds", { version: "1.1.0", environment: "staging" }),
  promote_at_once: commands.promote(
    "home.sounds",
    promotion("1.1.0", {
      environment: "production",
      profile: "now",
      first: ["pi-7"],
      when_silent: "abort",
      supersede: true,
      override_gates: false,
      reason: " ",
    }),
  ),
  rollback: commands.rollback("home.sounds", "staging", "barks at the doorbell"),
  pause: commands.steer("pause", "home.sounds", "production"),
  resume: commands.steer("resume", "home.sounds", "production", "b is better", true),
  abort: commands.steer("abort", "home.sounds", "staging", ""),
  watch: commands.watch("home.sounds", "production"),
  explain: commands.explain("home.sounds", "staging"),
  pin: commands.pin("pi-7", "home.sounds", "1.0.0", "its microphone $(is) old"),
  unpin: commands.unpin("pi-7", "home.sounds"),
  models: commands.models("home.sounds"),
  all_models: commands.models(),
  history: commands.history("home.sounds"),
  devices: commands.devices(),
  device: commands.device("pi-7"),
  consent: commands.consent("pi-7", "home.sounds", {
    text: " Anna & Ben agree ",
    low: 0.4,
    high: 0.6,
    rate: 0.1,
    random_rate: 0.01,
    quota_bytes: 100_000_000,
    keep_days: 90,
  }),
  withdraw: commands.withdraw("pi-7", "home.sounds"),
  delete_examples: commands.deleteExamples("home.sounds", "pi-7", "20261129"),
  classify: commands.classify("home.sounds", "front door.wav"),
};

describe("the command that does the same", () => {
  it.each(Object.entries(cases))("%s", (name, line) => {
    expect(made[name]).toBe(line);
  });
  it("is known for every case", () => {
    expect(Object.keys(made).sort()).toEqual(Object.keys(cases).sort());
  });
  it("quotes for a shell", () => {
    expect(["", "a b", "it's", "plain-1.0", "$(rm)"].map(commands.quote)).toEqual([
      "''",
      "'a b'",
      "'it'\\''s'",
      "plain-1.0",
      "'$(rm)'",
    ]);
  });
});
