import { beforeEach, describe, expect, test } from "vitest";
import { runs } from "../../src/label/band";
import { boxBetween, detected, grown, isBox, moved, resized } from "../../src/label/geometry";
import { History } from "../../src/label/history";
import { uuid } from "../../src/label/ids";
import { readNpz } from "../../src/label/npz";
import { collapse, extend, move, NOTHING, targets, toggle } from "../../src/label/selection";
import { boundaries, type Cell, expected, fill, nextBoundary, nudge, paint } from "../../src/label/strip";
import type { Verdict } from "../../src/label/types";
import { peaks, readWav } from "../../src/label/wav";

test("ids are version 4 UUIDs, and differ", () => {
  const made = new Set(Array.from({ length: 100 }, uuid));
  expect(made.size).toBe(100);
  for (const id of made) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

describe("history", () => {
  beforeEach(() => sessionStorage.clear());
  const verdict = (label: string): Verdict => ({ state: "label", label, boxes: [], spans: [] });
  const act = (example: string, event: string) => ({
    what: example,
    changes: [{ example, event, undo: "", before: verdict("a"), after: verdict("b") }],
  });
  let next = 0;
  const id = () => `undo-${++next}`;

  test("undoes everything, the last first, and does it again in order", () => {
    const history = new History("h");
    for (let index = 0; index < 300; index++) history.push(act(`x${index}`, `e${index}`));
    for (let index = 299; index >= 0; index--) expect(history.undo(id)?.changes[0]?.event).toBe(`e${index}`);
    expect(history.undo(id)).toBeNull();
    expect(history.redo()?.changes[0]?.event).toBe("e0");
    expect(history.redo()?.what).toBe("x1");
  });

  test("what is done again is undone by an undo of its own", () => {
    const history = new History("h");
    history.push(act("x", "e"));
    const first = history.undo(id)?.changes[0]?.undo;
    expect(history.redo()?.changes[0]?.undo).toBe(first);
    const second = history.undo(id)?.changes[0]?.undo;
    expect(second).not.toBe(first);
    expect(history.redo()?.changes[0]?.undo).toBe(second);
  });

  test("a new act ends what could be done again; a reload changes nothing", () => {
    const history = new History("h");
    history.push(act("x", "e1"));
    history.push(act("y", "e2"));
    history.undo(id);
    const again = new History("h");
    expect(again.canUndo.value && again.canRedo.value).toBe(true);
    again.push(act("z", "e3"));
    expect(again.canRedo.value).toBe(false);
    expect(new History("h").undo(id)?.what).toBe("z");
    expect(new History("other").canUndo.value).toBe(false);
  });
});

describe("selection", () => {
  const ids = ["a", "b", "c", "d", "e", "f"];
  test("a range grows and shrinks from where it began, and leaves the rest", () => {
    const one = toggle(NOTHING, ids, 0);
    const begun = toggle(one, ids, 2);
    const grown = extend(begun, ids, 5);
    expect(targets(grown, ids)).toEqual(["a", "c", "d", "e", "f"]);
    expect(targets(extend(grown, ids, 3), ids)).toEqual(["a", "c", "d"]);
    expect(extend(grown, ids, 99).at).toBe(5);
  });
  test("without a selection the label goes to where the keyboard stands", () => {
    expect(targets(move(NOTHING, ids, 3), ids)).toEqual(["d"]);
    expect(targets(toggle(move(NOTHING, ids, 3), ids, 1), ids)).toEqual(["b"]);
    expect(targets(NOTHING, [])).toEqual([]);
  });
  test("near-duplicates are behind the first of them, and each is in one cell", () => {
    const similar: Record<string, string[]> = { a: ["c", "z"], c: ["a"], d: ["a", "e"] };
    expect(collapse(ids, (id) => similar[id] ?? [])).toEqual([
      { id: "a", alike: ["c", "z"] },
      { id: "b", alike: [] },
      { id: "d", alike: ["e"] },
      { id: "f", alike: [] },
    ]);
  });
});

describe("strip", () => {
  // "." was not labelled; capital letters are what the model says where nobody did.
  const strip = (labels: string, suggested = labels): Cell[] =>
    [...labels].map((label, index) => ({
      id: `${index}`,
      label: label === "." ? null : label,
      suggested: suggested[index] ?? "",
    }));
  const text = (cells: Cell[], changes: { id: string; label: string }[]): string => {
    const changed = new Map(changes.map((one) => [one.id, one.label]));
    return cells.map((cell) => changed.get(cell.id) ?? cell.label ?? ".").join("");
  };

  test("a fill goes back to the last ruling, and overrules what is here", () => {
    const cells = strip("aa....b...");
    expect(text(cells, fill(cells, 5, "p"))).toBe("aappppb...");
    expect(text(cells, fill(cells, 8, "p"))).toBe("aa....bpp.");
    expect(text(cells, fill(cells, 6, "p"))).toBe("aappppp...");
    expect(fill(strip("pp"), 1, "p")).toEqual([]);
  });
  test("painting goes in either direction", () => {
    const cells = strip("......");
    expect(text(cells, paint(cells, 4, 2, "p"))).toBe("..ppp.");
    expect(text(cells, paint(cells, -3, 1, "p"))).toBe("pp....");
  });
  test("boundaries are where labels change, expected ones where the model's answer does", () => {
    expect(boundaries(strip("aabb.a"))).toEqual([2, 4, 5]);
    expect(expected(strip("aa......", "aaPPPSSS"))).toEqual([2, 5]);
    expect(nextBoundary(strip("aa......", "aaPPPSSS"), 2, 1)).toBe(5);
    expect(nextBoundary(strip("aa......", "aaPPPSSS"), 5, -1)).toBe(2);
    expect(nextBoundary(strip("aaaa"), 0, 1)).toBeNull();
  });
  test("a nudge moves a boundary by one item, and needs labels on its side", () => {
    const cells = strip("aaabbb");
    const on = nudge(cells, 3, 1);
    expect(on && [text(cells, on.paint), on.at]).toEqual(["aaaabb", 4]);
    const back = nudge(cells, 5, -1);
    expect(back && [text(cells, back.paint), back.at]).toEqual(["aabbbb", 2]);
    expect(nudge(cells, 2, 1)).toBeNull();
    expect(nudge(strip("aa.."), 2, -1)).toBeNull();
  });
  test("runs cover everything once", () => {
    expect(runs(strip("aab."))).toEqual([
      { from: 0, to: 2, label: "a" },
      { from: 2, to: 3, label: "b" },
      { from: 3, to: 4, label: null },
    ]);
  });
});

describe("boxes", () => {
  const picture = { width: 100, height: 50 };
  test("are cut to the picture, whichever corner comes first", () => {
    expect(boxBetween({ x: 120, y: 40 }, { x: 60, y: -10 }, "cat", picture)).toEqual({
      ...{ label: "cat", left: 60, top: 0, width: 40, height: 40 },
    });
    expect(isBox(boxBetween({ x: 5, y: 5 }, { x: 6, y: 5 }, "cat", picture))).toBe(false);
  });
  test("stay whole when moved, turn over when resized beyond a corner, and do not vanish", () => {
    const box = { label: "cat", left: 10, top: 10, width: 20, height: 20 };
    expect(moved(box, 500, -500, picture)).toEqual({ ...box, left: 80, top: 0 });
    expect(resized(box, "se", { x: 0, y: 0 }, picture)).toEqual({ ...box, left: 0, top: 0, width: 10, height: 10 });
    expect(resized(box, "nw", { x: 20, y: 15 }, picture)).toEqual({ ...box, left: 20, top: 15, width: 10, height: 15 });
    expect(grown(box, -50, 500, picture)).toEqual({ ...box, width: 2, height: 40 });
  });
  test("the detector's come with their best label", () => {
    const part = { span: [], unknown: false, scores: [{ label: "hare", score: 0.6 }] };
    expect(
      detected([
        { ...part, box: [1, 2, 3, 4], label: "" },
        { ...part, box: [], label: "x" },
      ]),
    ).toEqual([{ label: "hare", left: 1, top: 2, width: 3, height: 4 }]);
  });
});

describe("files", () => {
  function wav(samples: number[], channels = 1): ArrayBuffer {
    const view = new DataView(new ArrayBuffer(44 + samples.length * 2));
    const write = (at: number, text: string) => new Uint8Array(view.buffer).set(new TextEncoder().encode(text), at);
    write(0, "RIFF");
    write(8, "WAVEfmt ");
    view.setUint32(16, 16, true);
    view.setUint16(20, 1, true);
    view.setUint16(22, channels, true);
    view.setUint32(24, 4, true);
    view.setUint16(34, 16, true);
    write(36, "data");
    view.setUint32(40, samples.length * 2, true);
    for (const [index, sample] of samples.entries()) view.setInt16(44 + index * 2, sample, true);
    return view.buffer;
  }
  test("a WAV's first channel, its rate and length", () => {
    const wave = readWav(wav([16384, 1, -16384, 2, 0, 3, 8192, 4], 2));
    expect([wave.rate, wave.seconds]).toEqual([4, 1]);
    expect([...wave.samples]).toEqual([0.5, -0.5, 0, 0.25]);
    expect([...peaks(wave.samples, 2)]).toEqual([-0.5, 0.5, 0, 0.25]);
    expect(() => readWav(new ArrayBuffer(50))).toThrow("no WAV");
    expect(() => readWav(wav([]).slice(0, 36))).toThrow("no sound");
  });

  // numpy.savez_compressed(values=[[1, 2.5], [-3, nan]] as float32, flags=[True, False], who=["a"])
  const NPZ =
    "UEsDBC0AAAAIAAAAIQA0KoTN//////////8KABQAdmFsdWVzLm5weQEAEACQAAAAAAAAAFYAAAAAAAAAm+wX6hsQychQxlCtnpJanFykbqWgbpNmoq6joJ6WX1RSlJgXn1+UkgoSd0vMKU4FihdnJBakAvkaRjoKRpo6CrUKZAMuBoYGewYGBQcGBocDDAwH6gFQSwMELQAAAAgAAAAhAO4Zu13//////////wkAFABmbGFncy5ucHkBABAAggAAAAAAAABGAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loF6TZKiuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GkY6mjoKtQoUAC5GBgBQSwMELQAAAAgAAAAhACqkKDb//////////wcAFAB3aG8ubnB5AQAQAIQAAAAAAAAASAAAAAAAAACb7BfqGxDJyFDGUK2eklqcXKRupaBuE2qorqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RqGOpo6CrUKFACuRAYGBgBQSwECLQMtAAAACAAAACEANCqEzVYAAACQAAAACgAAAAAAAAAAAAAAgAEAAAAAdmFsdWVzLm5weVBLAQItAy0AAAAIAAAAIQDuGbtdRgAAAIIAAAAJAAAAAAAAAAAAAACAAZIAAABmbGFncy5ucHlQSwECLQMtAAAACAAAACEAKqQoNkgAAACEAAAABwAAAAAAAAAAAAAAgAETAQAAd2hvLm5weVBLBQYAAAAAAwADAKQAAACUAQAAAAA=";
  test("what an .npz holds", async () => {
    const bytes = Uint8Array.from(atob(NPZ), (one) => one.charCodeAt(0)).buffer;
    const [values, flags, who] = await readNpz(bytes);
    expect([values?.name, values?.dtype, values?.shape, values?.low, values?.high]).toEqual([
      ...["values", "<f4", [2, 2], -3, 2.5],
    ]);
    expect(values?.mean).toBeCloseTo(0.5 / 3, 6);
    expect([flags?.values, flags?.shape]).toEqual([[1, 0], [2]]);
    expect([who?.dtype, who?.low, who?.values]).toEqual(["<U1", null, []]);
    await expect(readNpz(new ArrayBuffer(100))).rejects.toThrow("no .npz");
  });
});
