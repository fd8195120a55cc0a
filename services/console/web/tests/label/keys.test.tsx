/** Presses each key on the real screens, and looks at what the server has then. */
import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { session } from "../../src/app/api";
import { navigate, place } from "../../src/app/router";
import { labelColour } from "../../src/label/choices";
import Label from "../../src/label/index";
import {
  ACTIONS,
  actionOf,
  changed,
  chord,
  keysOf,
  keyText,
  remap,
  resetKeys,
  type Screen,
} from "../../src/label/keymap";
import { Console, item, LABELS } from "./console";

const settle = async () => {
  for (let turn = 0; turn < 8; turn++) await act(async () => void (await new Promise((done) => setTimeout(done, 0))));
};
const SHIFTED = new Set(["?", "+"]);

/** As a browser says it, by the text of the key map. */
function keyEvent(type: string, text: string, repeat = false): KeyboardEvent {
  const parts = text.split(/(?<=.)\+/);
  const name = parts.pop() as string;
  const key = name === "space" ? " " : name;
  const shift = parts.includes("shift");
  return new KeyboardEvent(type, {
    key: shift && /^[0-9]$/.test(key) ? ")!@#$%^&*("[Number(key)] : shift && key.length === 1 ? key.toUpperCase() : key,
    code: /^[0-9]$/.test(key) ? `Digit${key}` : `Key${key}`,
    ctrlKey: parts.includes("ctrl"),
    shiftKey: shift || SHIFTED.has(key),
    bubbles: true,
    cancelable: true,
    repeat,
  });
}
async function press(...texts: string[]): Promise<void> {
  for (const text of texts) {
    await act(() => void (document.activeElement ?? document.body).dispatchEvent(keyEvent("keydown", text)));
    await act(() => void document.dispatchEvent(keyEvent("keyup", text)));
  }
  await settle();
}
let root: HTMLElement;
async function open(screen: string, query = ""): Promise<void> {
  navigate(`/label/t/${screen}${query}`);
  await act(() => render(<Label />, root));
  await settle();
}
const text = () => root.textContent ?? "";
const shown = () => root.querySelector<HTMLImageElement>("img.shown, .picture img")?.alt;
const dialogTitle = () => root.querySelector("dialog[open] h2")?.textContent;

beforeEach(() => {
  localStorage.clear();
  sessionStorage.clear();
  resetKeys();
  root = document.body.appendChild(document.createElement("div"));
  HTMLElement.prototype.scrollIntoView = () => undefined;
});
afterEach(async () => {
  await settle();
  await act(() => render(null, root));
  root.remove();
  vi.unstubAllGlobals();
  navigate("/");
});
const ITEMS = () => ["a", "b", "c", "d", "e", "f", "g", "h"].map((id) => item(id));

describe("key map", () => {
  test.each(["focus", "grid", "sound", "timeline", "boxes"] as Screen[])("no key has two meanings on %s", (screen) => {
    const keys = ACTIONS.filter((one) => one.screens.includes(screen)).flatMap((one) => one.keys);
    expect(new Set(keys).size).toBe(keys.length);
  });
  test("every key of the map is what a browser's event gives", () => {
    for (const one of ACTIONS) for (const key of one.keys) expect(chord(keyEvent("keydown", key))).toBe(key);
  });
  test("modifiers alone and alt are not ours; a French keyboard's digits are digits", () => {
    const event = { key: "Shift", code: "ShiftLeft", ctrlKey: false, metaKey: false, shiftKey: true, altKey: false };
    expect(chord(event)).toBe("");
    expect(chord({ ...event, key: "a", altKey: true })).toBe("");
    expect(chord({ ...event, key: "&", code: "Digit1", shiftKey: false })).toBe("1");
    expect(chord({ ...event, key: "1", code: "Numpad1", shiftKey: false })).toBe("1");
    expect(chord({ ...event, key: "Z", code: "KeyZ", shiftKey: true, metaKey: true })).toBe("ctrl+shift+z");
    expect([keyText("ctrl+shift+z"), keyText("+"), keyText("ArrowLeft")]).toEqual(["Ctrl Shift Z", "+", "←"]);
  });
  test("another key in place of one, unless it is taken on the same screen; kept in the browser", () => {
    expect(remap("skip", "1")).toBe("Label 1");
    expect(keysOf("skip")).toEqual(["s"]);
    expect(remap("box", "l")).toBeNull();
    expect(actionOf("boxes", "l")).toBe("box");
    expect(actionOf("sound", "l")).toBe("loop");
    expect(JSON.parse(localStorage.getItem("pipit.keys") ?? "")).toEqual({ box: ["l"] });
    resetKeys();
    expect([actionOf("boxes", "b"), changed.value]).toEqual(["box", {}]);
  });
});

describe("focus", () => {
  test("a number labels, the next one is shown at once, and the label arrives", async () => {
    const console = new Console(ITEMS());
    await open("focus");
    expect(shown()).toBe("a.png");
    await press("1");
    expect(shown()).toBe("b.png");
    await press("2", "5");
    expect(console.labels()).toEqual({ a: "dog", b: "rain", c: "helicopter" });
    expect(console.events.every((event) => event.saw_suggestion && event.seconds >= 0)).toBe(true);
    expect(text()).toContain("All saved");
  });
  test("an example is shown once it can be labelled, and no key says anything of one that is not shown", async () => {
    const console = new Console(ITEMS());
    let come: () => void = () => undefined;
    console.summaries = new Promise((done) => (come = done));
    await open("focus");
    expect([shown(), text().includes("a.png")]).toEqual([undefined, false]);
    await press("1", "a", "s");
    come();
    await settle();
    expect([shown(), document.activeElement?.id]).toEqual(["a.png", "stage"]);
    await press("2");
    expect(console.labels()).toEqual({ a: "rain" });
  });
  test("without a list of labels the page says why, and suggestions can be accepted", async () => {
    const console = new Console(ITEMS());
    console.broken = true;
    await open("focus");
    expect(root.querySelector("[role=alert]")?.textContent).toContain("The registry is away");
    await press("a");
    expect([console.labels(), shown()]).toEqual([{ a: "rain" }, "b.png"]);
    console.broken = false;
    const again = [...root.querySelectorAll("button")].find((one) => one.textContent === "Try again");
    await act(() => again?.click());
    await settle();
    expect(root.querySelector("[role=alert]")).toBeNull();
    await press("1");
    expect(console.labels()).toEqual({ a: "rain", b: "dog" });
  });
  test("without a network the next screen has the labels of the one before", async () => {
    const console = new Console(ITEMS());
    await open("focus");
    console.away = true;
    await press("g", "1", "f", "2");
    console.away = false;
    await act(() => void dispatchEvent(new Event("online")));
    await settle();
    expect(console.labels()).toEqual({ a: "dog", b: "rain" });
  });
  test.each(["a", "Enter", "space"])("%s accepts the suggestion", async (key) => {
    const console = new Console(ITEMS());
    await open("focus");
    await press(key);
    expect(console.labels()).toEqual({ a: "rain" });
  });
  test("an item without a suggestion is not accepted, and stays", async () => {
    const console = new Console([item("a", { suggestion: null, honest: true }), item("b")]);
    await open("focus");
    expect(text()).toContain("hidden until you have said it");
    await press("a", "Enter", "space");
    expect([console.labels(), shown()]).toEqual([{}, "a.png"]);
    await press("3");
    expect(console.events[0]?.saw_suggestion).toBe(false);
  });
  test("C opens all labels; typing and Enter choose one; a number does too", async () => {
    const console = new Console(ITEMS());
    await open("focus");
    await press("c");
    expect(dialogTitle()).toBe("Which label?");
    const field = root.querySelector<HTMLInputElement>("[role=combobox]");
    field?.focus();
    await act(() => {
      if (field) field.value = "heli";
      field?.dispatchEvent(new Event("input", { bubbles: true }));
    });
    await press("Enter");
    await press("c");
    root.querySelector<HTMLInputElement>("[role=combobox]")?.focus();
    await press("4");
    expect(console.labels()).toEqual({ a: "helicopter", b: "clock" });
  });
  test.each(["x", "u", "ctrl+z"])("%s undoes without end, ctrl+shift+z does again", async (key) => {
    const console = new Console(ITEMS());
    await open("focus");
    await press("1", "2", "3");
    await press(key, key, key, key);
    expect([console.labels(), shown()]).toEqual([{}, "a.png"]);
    await press("ctrl+shift+z", "ctrl+y");
    expect(console.labels()).toEqual({ a: "dog", b: "rain" });
    expect(console.events.filter((event) => event.kind === "undo")).toHaveLength(5);
  });
  test("S skips, 0 says that none fits, arrows go to and fro", async () => {
    const console = new Console(ITEMS());
    await open("focus");
    await press("s", "0", "ArrowRight");
    expect(shown()).toBe("d.png");
    await press("ArrowLeft", "ArrowLeft", "ArrowLeft", "ArrowLeft");
    expect(shown()).toBe("a.png");
    expect(console.labels()).toEqual({ a: "skip", b: "label" });
    await press("1");
    expect(console.labels().a).toBe("dog");
  });
  test("G and F change the screen and keep the place; ? shows the keys, where one can be changed", async () => {
    new Console(ITEMS());
    await open("focus");
    await press("ArrowRight", "g");
    expect(place.value.path).toBe("/label/t/grid");
    await press("f");
    expect(place.value.path).toBe("/label/t/focus");
    expect(shown()).toBe("b.png");
    await press("?");
    expect(dialogTitle()).toBe("Keys of this screen");
    const skip = root.querySelector<HTMLButtonElement>("[aria-label^='Skip']");
    await act(() => skip?.click());
    skip?.focus();
    await press("1");
    expect(root.querySelector("[role=alert]")?.textContent).toContain("1 is taken: “Label 1”");
    await act(() => skip?.click());
    await press("k");
    expect(actionOf("focus", "k")).toBe("skip");
  });
  test("a key that is held labels one item, and a field keeps its keys", async () => {
    const console = new Console(ITEMS());
    await open("focus");
    const down = (repeat: boolean) => act(() => void document.body.dispatchEvent(keyEvent("keydown", "1", repeat)));
    await down(false);
    await down(true);
    await down(true);
    root.querySelector("select")?.focus();
    await press("2");
    expect(console.labels()).toEqual({ a: "dog" });
  });
  test("without a network labelling goes on; what was said arrives once when it is back", async () => {
    const console = new Console(ITEMS());
    await open("focus");
    console.away = true;
    await press("1", "2", "x", "3");
    expect(text()).toContain("4 not yet saved");
    expect(text()).toContain("No connection");
    expect(shown()).toBe("c.png");
    console.away = false;
    await act(() => void dispatchEvent(new Event("online")));
    await settle();
    expect(console.labels()).toEqual({ a: "dog", b: "crying_baby" });
    expect(console.events).toHaveLength(4);
    expect(text()).toContain("All saved");
  });
  test("a sign-in in another tab refuses nothing of this one", async () => {
    const console = new Console(ITEMS());
    await open("focus");
    console.csrf = "of the other tab";
    await press("1", "2");
    expect(console.labels()).toEqual({ a: "dog", b: "rain" });
    expect(text()).toContain("All saved");
  });
  test("another person who signs in in another tab leaves this one's labels waiting, not refused", async () => {
    const console = new Console(ITEMS());
    const mine = session.value;
    await open("focus");
    console.csrf = "of the other tab";
    console.name = "grace";
    await press("1");
    expect(console.events).toEqual([]);
    const stored = Object.entries(localStorage).filter(([key]) => key.startsWith("pipit.outbox."));
    expect(stored.map(([, text]) => JSON.parse(text as string).refused)).toEqual([""]);
    console.name = mine?.name ?? "";
    session.value = mine && { ...mine, csrf: console.csrf };
    await settle();
    await settle();
    expect(console.labels()).toEqual({ a: "dog" });
  });
  test("a key labels nothing behind a dialog, wherever the focus is", async () => {
    const console = new Console(ITEMS());
    await open("focus");
    await press("?");
    expect(dialogTitle()).toBeTruthy();
    // As after a click on a dialog's text.
    (document.activeElement as HTMLElement | null)?.blur();
    await press("1");
    expect(console.events).toEqual([]);
  });
  test("what is said again counts, also by a clock that is behind the one before", async () => {
    const before = { event: "e", kind: "label", label: "rain", boxes: [], spans: [] };
    const said = [{ ...before, by: "ada", at: "2999-01-01T00:00:00.000Z" }];
    const console = new Console([item("a", { said, state: "label", label: "rain" }), item("b")]);
    await open("focus", "?mode=all");
    await press("1", "ArrowLeft", "2");
    expect(console.events.map((one) => one.at)).toEqual(["2999-01-01T00:00:00.001Z", "2999-01-01T00:00:00.002Z"]);
    expect(console.labels()).toEqual({ a: "rain" });
  });
  test("a disagreement is ruled by a number, or for what one of them said", async () => {
    const said = (by: string, label: string) => ({
      by,
      event: by,
      kind: "label",
      label,
      boxes: [],
      spans: [],
      at: "2026-11-29T12:00:00Z",
    });
    const both = { state: "disagreement" as const, said: [said("ada", "dog"), said("grace", "rain")] };
    const console = new Console([item("a", both), item("b", both)]);
    await open("focus", "?mode=disagreements");
    expect(text()).toContain("People do not agree");
    await press("3");
    const button = [...root.querySelectorAll("button")].find((one) => one.textContent === "Rule for rain");
    await act(() => button?.click());
    await settle();
    expect(console.events.map((event) => [event.kind, event.example, event.label])).toEqual([
      ["rule", "a", "crying_baby"],
      ["rule", "b", "rain"],
    ]);
  });
});

describe("grid", () => {
  test("shift and arrows select, a number labels all of them in one batch, X takes all back", async () => {
    const console = new Console(ITEMS());
    await open("grid");
    await press("space", "shift+ArrowRight", "shift+ArrowRight", "1");
    expect(console.labels()).toEqual({ a: "dog", b: "dog", c: "dog" });
    expect(console.batches.size).toBe(1);
    await press("2");
    expect(console.labels().d).toBe("rain");
    await press("x", "x");
    expect(console.labels()).toEqual({});
  });
  test("ctrl+A selects all, Escape nothing, arrows move, Enter accepts", async () => {
    const console = new Console(ITEMS());
    await open("grid");
    await press("ctrl+a", "Escape", "ArrowRight", "ArrowRight", "ArrowLeft", "Enter");
    expect(console.labels()).toEqual({ b: "rain" });
    await press("ctrl+a", "a");
    expect(Object.keys(console.labels())).toHaveLength(8);
  });
  test("down, up, shift+down, shift+up and O", async () => {
    new Console(ITEMS());
    await open("grid");
    await press("ArrowDown", "ArrowDown", "ArrowUp", "shift+ArrowDown", "shift+ArrowUp", "shift+ArrowLeft");
    const chosen = [...root.querySelectorAll("[aria-selected=true]")].map((one) => one.id);
    expect(chosen).toEqual(["cell-0", "cell-1"]);
    await press("o");
    expect([place.value.path, shown()]).toEqual(["/label/t/focus", "a.png"]);
  });
  test("a label goes to near-duplicates too, unless they are shown apart", async () => {
    const console = new Console([item("a", { similar: ["b", "z"] }), item("b", { similar: ["a"] }), item("c")]);
    await open("grid");
    expect(text()).toContain("+2 alike");
    await press("1");
    expect(console.events.map((event) => event.example)).toEqual(["a", "b", "z"]);
    await press("x");
    await open("grid", "?alike=apart");
    await press("1");
    expect(console.labels()).toEqual({ a: "dog" });
  });
});

describe("boxes", () => {
  const part = { span: [], unknown: false, label: "dog", scores: [{ label: "dog", score: 0.7 }] };
  const found = () => [item("a", { parts: [{ ...part, box: [10, 10, 30, 30] }] }), item("b"), item("c")];
  const load = async () => {
    const image = root.querySelector<HTMLImageElement>(".picture img");
    if (image) Object.defineProperties(image, { naturalWidth: { value: 300 }, naturalHeight: { value: 150 } });
    await act(() => void image?.dispatchEvent(new Event("load")));
  };
  test.each(["a", "Enter", "space"])(
    "%s accepts what the detector found; nothing found is a statement too",
    async (key) => {
      const console = new Console(found());
      await open("boxes");
      await press(key, key);
      expect(console.verdict("a").boxes).toEqual([{ label: "dog", left: 10, top: 10, width: 30, height: 30 }]);
      expect([console.events[1]?.kind, console.events[1]?.boxes]).toEqual(["boxes", []]);
    },
  );
  test("B makes a box; arrows move it, with shift they size it, a number labels it, Delete takes it away", async () => {
    const console = new Console(found());
    await open("boxes", "?at=b");
    await load();
    const box = () => console.verdict("b").boxes[0];
    await press("b");
    expect(box()).toEqual({ label: "rain", left: 100, top: 50, width: 100, height: 50 });
    await press("ArrowRight", "ArrowDown", "ArrowDown", "ArrowUp", "ArrowLeft", "ArrowLeft");
    expect([box()?.left, box()?.top]).toEqual([96, 54]);
    await press("shift+ArrowRight", "shift+ArrowRight", "shift+ArrowLeft", "shift+ArrowDown", "shift+ArrowUp");
    expect([box()?.width, box()?.height]).toEqual([104, 50]);
    await press("3");
    expect([box()?.label, shown()]).toEqual(["crying_baby", "b.png"]);
    await press("b", "n", "Delete");
    expect(console.verdict("b").boxes).toHaveLength(1);
    await press("n", "Backspace");
    expect(console.verdict("b").boxes).toEqual([]);
    await press("x", "x", "Escape", "ArrowRight");
    expect(console.verdict("b").boxes).toHaveLength(2);
    expect(shown()).not.toBe("b.png");
  });
});

describe("timeline", () => {
  const at = () => Number(root.querySelector("[role=slider]")?.getAttribute("aria-valuenow")) - 1;
  test("shift and a number fill up to here, F goes on with that label; each fill is one batch", async () => {
    const console = new Console(ITEMS());
    await open("timeline", "?group=g");
    await press("ArrowRight", "ArrowRight", "shift+1", "ArrowRight", "ArrowRight", "f", "ArrowRight", "shift+2");
    expect(console.labels()).toEqual({ a: "dog", b: "dog", c: "dog", d: "dog", e: "dog", f: "rain" });
    expect(console.batches.size).toBe(3);
    await press("x", "x");
    expect(console.labels()).toEqual({ a: "dog", b: "dog", c: "dog" });
  });
  test("a number that is held paints what one moves over, and is saved when it is let go", async () => {
    const console = new Console(ITEMS());
    await open("timeline", "?group=g");
    await act(() => void document.body.dispatchEvent(keyEvent("keydown", "2")));
    await act(() => void document.body.dispatchEvent(keyEvent("keydown", "2", true)));
    await press("ArrowRight", "ArrowRight");
    expect(console.events).toHaveLength(0);
    await act(() => void document.dispatchEvent(keyEvent("keyup", "2")));
    await settle();
    expect(console.labels()).toEqual({ a: "rain", b: "rain", c: "rain" });
    expect(console.batches.size).toBe(1);
  });
  test("N and P go to boundaries, shift and arrows move one", async () => {
    const console = new Console(ITEMS());
    await open("timeline", "?group=g");
    await press("n");
    expect(at()).toBe(4);
    await press("ArrowLeft", "shift+1", "ArrowRight", "ArrowRight", "ArrowRight", "shift+2", "p");
    expect(at()).toBe(4);
    await press("shift+ArrowLeft");
    expect([console.labels().d, at()]).toEqual(["rain", 3]);
    await press("shift+ArrowRight", "shift+ArrowRight");
    expect([console.labels().d, console.labels().e, at()]).toEqual(["dog", "dog", 5]);
  });
  test("space plays at a speed that + and - change; A takes the suggestion; 0 none", async () => {
    const console = new Console(ITEMS());
    await open("timeline", "?group=g");
    await press("a", "ArrowRight", "0");
    expect(console.labels()).toEqual({ a: "dog", b: "label" });
    await press("+", "=", "-");
    expect(text()).toContain("8 a second");
    await press("space");
    expect(text()).toContain("Pause");
    await press("Escape");
    expect(text()).not.toContain("Pause");
  });
});

describe("sound", () => {
  const part = (start: number, label: string) => ({
    box: [],
    span: [start, start + 1],
    unknown: false,
    label,
    scores: [{ label, score: 0.6 }],
  });
  const sounds = () =>
    ["a", "b"].map((id) => item(id, { media_type: "audio/wav", parts: [part(0, "dog"), part(1, "rain")] }));
  test("space plays and pauses, + and - change the speed, W chooses a part, L loops it", async () => {
    const played: string[] = [];
    vi.spyOn(HTMLMediaElement.prototype, "play").mockImplementation(async () => void played.push("play"));
    const console = new Console(sounds(), "audio");
    await open("sound");
    const audio = root.querySelector("audio") as HTMLAudioElement;
    await press("space");
    expect(played).toEqual(["play"]);
    await press("+");
    expect(audio.playbackRate).toBe(1.25);
    await press("-", "-", "w", "w", "l");
    expect([audio.playbackRate, audio.currentTime, played.length]).toEqual([0.75, 1, 2]);
    await press("1");
    expect(console.labels()).toEqual({ a: "dog" });
  });
  test("[ and ] mark a part, a number labels it, Delete takes it away; the whole keeps its label", async () => {
    const console = new Console(sounds(), "audio");
    await open("sound");
    const audio = root.querySelector("audio") as HTMLAudioElement;
    await press("[");
    audio.currentTime = 2;
    await press("]");
    expect(console.verdict("a").spans).toEqual([{ label: "rain", start: 0, end: 2 }]);
    await press("3");
    expect(console.verdict("a").spans[0]?.label).toBe("crying_baby");
    await press("Escape", "1");
    expect(console.verdict("a")).toEqual({
      ...{ state: "label", label: "dog", boxes: [], spans: [{ label: "crying_baby", start: 0, end: 2 }] },
    });
    expect(LABELS).toContain(console.verdict("a").label);
    await press("ArrowLeft", "w", "w", "w", "Delete");
    expect(console.verdict("a").spans).toEqual([]);
    expect(console.verdict("a").label).toBe("dog");
  });
});

describe("colours", () => {
  test("are different for 24 labels, and the same wherever a label is shown", () => {
    const labels = Array.from({ length: 24 }, (_, index) => `label ${index}`);
    expect(new Set(labels.map((label) => labelColour(labels, label))).size).toBe(24);
    expect(labelColour(labels, "label 8")).not.toBe(labelColour(labels, "label 0"));
    expect(labelColour(labels, "another")).toBe("var(--line-strong)");
  });
});
