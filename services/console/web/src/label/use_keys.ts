/** Runs what a pressed key stands for on a label screen. */
import { useEffect, useRef } from "preact/hooks";
import { actionOf, chord, type Screen } from "./keymap";

export type Handlers = Record<string, (() => void) | undefined>;

/** Held down, these go on; anything else happens once a press. */
const REPEATS = /^(next|previous|down|up|grow_|wider|narrower|taller|flatter|nudge_|undo|redo)/;
const NATIVE = "button, a, summary, audio, video, [role=button]";

/** Whether the key goes to a field or a dialog, or presses the button that has the focus. */
function isElsewhere(event: KeyboardEvent): boolean {
  const target = event.target as Element | null;
  // After a click on its text a dialog does not have the focus.
  if (document.querySelector("dialog[open]")) return true;
  if (target?.closest?.("input:not([type=checkbox]), textarea, select, dialog, [popover], [contenteditable]"))
    return true;
  return (event.key === "Enter" || event.key === " ") && Boolean(target?.closest?.(`${NATIVE}, input`));
}

/** run: by action. release: by action, when its key is let go. */
export function useLabelKeys(screen: Screen, run: Handlers, release: Handlers = {}): void {
  const latest = useRef({ run, release });
  latest.current = { run, release };
  useEffect(() => {
    const held = new Map<string, string>();
    const down = (event: KeyboardEvent) => {
      if (isElsewhere(event)) return;
      const action = actionOf(screen, chord(event));
      const handler = action && latest.current.run[action];
      if (!action || !handler) return;
      event.preventDefault();
      held.set(event.code || event.key, action);
      if (!event.repeat || REPEATS.test(action)) handler();
    };
    const letGo = (key: string) => {
      const action = held.get(key);
      if (action && held.delete(key)) latest.current.release[action]?.();
    };
    const up = (event: KeyboardEvent) => letGo(event.code || event.key);
    // Another window has the keyboard from here on, and hears of the key's release in our place.
    const blur = () => [...held.keys()].forEach(letGo);
    // Before the page's own keys, which leave alone what was handled.
    document.addEventListener("keydown", down, true);
    document.addEventListener("keyup", up, true);
    addEventListener("blur", blur);
    return () => {
      document.removeEventListener("keydown", down, true);
      document.removeEventListener("keyup", up, true);
      removeEventListener("blur", blur);
    };
  }, [screen]);
}

/** Where the keyboard belongs while one labels: not on a button, which the space key would press again. */
export function focusStage(): void {
  document.getElementById("stage")?.focus({ preventScroll: true });
}
