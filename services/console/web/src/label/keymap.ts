/** Which key does what on which screen; a person may change it, and the browser keeps that. */
import { signal } from "@preact/signals";

export type Screen = "focus" | "grid" | "sound" | "timeline" | "boxes";

export interface Action {
  id: string;
  text: string;
  screens: Screen[];
  keys: string[];
}

const ALL: Screen[] = ["focus", "grid", "sound", "timeline", "boxes"];
const ONE: Screen[] = ["focus", "sound", "boxes"];

const action = (id: string, text: string, screens: Screen[], ...keys: string[]): Action => ({
  id,
  text,
  screens,
  keys,
});
const NUMBERS = [1, 2, 3, 4, 5, 6, 7, 8, 9];

export const ACTIONS: readonly Action[] = [
  ...NUMBERS.map((n) => action(`label.${n}`, `Label ${n}`, ALL, `${n}`)),
  action("label.none", "None of the labels fits", ALL, "0"),
  action("accept", "Accept the suggestion", ALL, "a", "Enter"),
  action("correct", "Correct: choose any label", ALL, "c"),
  action("play", "Play or pause; accept where nothing plays", ["focus", "sound", "timeline", "boxes"], "space"),
  action("select", "Select or leave out", ["grid"], "space"),
  action("undo", "Undo", ALL, "x", "u", "ctrl+z"),
  action("redo", "Do again", ALL, "ctrl+shift+z", "ctrl+y"),
  action("skip", "Skip: it can't be said", ALL, "s"),
  action("next", "Next", ALL, "ArrowRight"),
  action("previous", "Previous", ALL, "ArrowLeft"),
  action("down", "Down a row; on a box: move it", ["grid", "boxes"], "ArrowDown"),
  action("up", "Up a row; on a box: move it", ["grid", "boxes"], "ArrowUp"),
  action("grow_next", "Select on to the next", ["grid"], "shift+ArrowRight"),
  action("grow_previous", "Select on to the one before", ["grid"], "shift+ArrowLeft"),
  action("grow_down", "Select on down a row", ["grid"], "shift+ArrowDown"),
  action("grow_up", "Select on up a row", ["grid"], "shift+ArrowUp"),
  action("all", "Select all", ["grid"], "ctrl+a"),
  action("none", "Select nothing", ["grid", "boxes", "sound", "timeline"], "Escape"),
  action("open", "Look at it alone", ["grid"], "o"),
  action("loop", "Play the part again and again", ["sound"], "l"),
  action("part", "Next part", ["sound"], "w"),
  action("span_start", "A part starts here", ["sound"], "["),
  action("span_end", "A part ends here", ["sound"], "]"),
  action("slower", "Slower", ["sound", "timeline"], "-"),
  action("faster", "Faster", ["sound", "timeline"], "+", "="),
  action("box", "New box", ["boxes"], "b"),
  action("box_next", "Next box", ["boxes"], "n"),
  action("wider", "Wider", ["boxes"], "shift+ArrowRight"),
  action("narrower", "Narrower", ["boxes"], "shift+ArrowLeft"),
  action("taller", "Taller", ["boxes"], "shift+ArrowDown"),
  action("flatter", "Flatter", ["boxes"], "shift+ArrowUp"),
  action("delete", "Delete the box or part", ["boxes", "sound"], "Delete", "Backspace"),
  action("fill", "Fill to here with the last label", ["timeline"], "f"),
  ...NUMBERS.map((n) => action(`fill.${n}`, `Fill to here with label ${n}`, ["timeline"], `shift+${n}`)),
  action("boundary", "Next boundary", ["timeline"], "n"),
  action("boundary_previous", "Boundary before", ["timeline"], "p"),
  action("nudge_left", "Move the boundary back", ["timeline"], "shift+ArrowLeft"),
  action("nudge_right", "Move the boundary on", ["timeline"], "shift+ArrowRight"),
  action("focus", "One at a time", ["grid", ...ONE], "f"),
  action("grid", "Grid", ALL, "g"),
  action("help", "Keys", ALL, "?"),
];

const STORED = "pipit.keys";
const NAMES: Record<string, string> = { " ": "space", Spacebar: "space", Esc: "Escape", Del: "Delete" };
const LONE = new Set(["Control", "Shift", "Alt", "Meta", "AltGraph", "Dead", "Unidentified", "Process", "Tab"]);

/** A pressed key as text, such as "a", "shift+3", "ctrl+z". Empty: a modifier alone, or a key that is not ours. */
export function chord(
  event: Pick<KeyboardEvent, "key" | "code" | "ctrlKey" | "metaKey" | "shiftKey" | "altKey">,
): string {
  if (LONE.has(event.key) || event.altKey) return "";
  // By its place: the digits' row needs shift on a French keyboard, and shift makes "!" of 1 on an English one.
  const digit = /^(?:Digit|Numpad)([0-9])$/.exec(event.code ?? "");
  const name = digit ? (digit[1] as string) : (NAMES[event.key] ?? event.key);
  const letter = /^\p{L}$/u.test(name);
  const key = letter ? name.toLowerCase() : name;
  // What shift makes of other printable keys is a key of its own: "?" has no shift.
  const shift = event.shiftKey && (letter || key.length > 1 || /^[0-9]$/.test(key));
  return `${event.ctrlKey || event.metaKey ? "ctrl+" : ""}${shift ? "shift+" : ""}${key}`;
}

function read(storage: Storage): Record<string, string[]> {
  return JSON.parse(storage.getItem(STORED) ?? "{}") as Record<string, string[]>;
}

/** What a person changed: action id to keys. */
export const changed = signal<Record<string, string[]>>(read(localStorage));

export function keysOf(id: string): string[] {
  return changed.value[id] ?? ACTIONS.find((one) => one.id === id)?.keys ?? [];
}

/** The action of a key on a screen; undefined: none. */
export function actionOf(screen: Screen, pressed: string): string | undefined {
  return ACTIONS.find((one) => one.screens.includes(screen) && keysOf(one.id).includes(pressed))?.id;
}

/** Gives an action one key in place of its own. Another action's text: that has the key on a screen of both. */
export function remap(id: string, key: string, storage: Storage = localStorage): string | null {
  const mine = ACTIONS.find((one) => one.id === id);
  if (!mine || !key) return null;
  const other = ACTIONS.find(
    (one) => one.id !== id && keysOf(one.id).includes(key) && one.screens.some((at) => mine.screens.includes(at)),
  );
  if (other) return other.text;
  changed.value = { ...changed.value, [id]: [key] };
  storage.setItem(STORED, JSON.stringify(changed.value));
  return null;
}

/** Everything as it came. */
export function resetKeys(storage: Storage = localStorage): void {
  changed.value = {};
  storage.removeItem(STORED);
}

const SYMBOLS: Record<string, string> = {
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  space: "Space",
};

/** As it is shown: "Ctrl Shift Z". */
export function keyText(key: string): string {
  return key
    .split(/(?<=.)\+/)
    .map((part) => SYMBOLS[part] ?? part.charAt(0).toUpperCase() + part.slice(1))
    .join(" ");
}
