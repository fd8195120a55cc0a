// @vitest-environment node
import { describe, expect, it } from "vitest";
import { ago, bytes, count, day, duration, milliseconds, number, percent } from "../src/app/format";

describe("what people read", () => {
  it("shows shares with a digit more where it matters", () => {
    expect([0, 0.004, 0.5, 0.912, 1, null].map((share) => percent(share))).toEqual([
      "0 %",
      "0.4 %",
      "50 %",
      "91.2 %",
      "100 %",
      "–",
    ]);
  });
  it("shows numbers, sizes and times", () => {
    expect([1234, 0.001234, 12.345, 1.234, 123.4].map((value) => number(value))).toEqual([
      "1,234",
      "0.0012",
      "12.3",
      "1.23",
      "123",
    ]);
    expect([0, 1023, 1536, 25 * 1024 ** 2].map(bytes)).toEqual(["0 B", "1023 B", "1.5 KiB", "25 MiB"]);
    expect([3.21, 250, 12_500].map(milliseconds)).toEqual(["3.2 ms", "250 ms", "12.5 s"]);
    expect([0, 59, 3600, 3700, 90_061].map(duration)).toEqual(["0 s", "59 s", "1 h", "1 h 1 min", "1 d 1 h"]);
    expect([count(1, "device"), count(1200, "device")]).toEqual(["1 device", "1,200 devices"]);
  });
  it("writes days with dashes", () => {
    expect([day("20261129"), day("2026-11-29"), day("")]).toEqual(["2026-11-29", "2026-11-29", ""]);
  });
  it("says how long ago", () => {
    const now = Date.parse("2026-11-01T12:00:00Z");
    expect(ago("2026-11-01T11:00:00Z", now)).toBe("1 h ago");
    expect(ago("2026-11-01T11:59:58Z", now)).toBe("now");
    expect(ago(null, now)).toBe("never");
  });
});
