/** Keys that a screen listens to, and the list of them that "?" shows. */
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

export interface Key {
  /** As `event.key` has it ("?", "Escape", "n"), or two of them one after the other: "g n". */
  key: string;
  what: string;
  run: (event: KeyboardEvent) => void;
}

export interface Shown {
  title: string;
  keys: readonly Pick<Key, "key" | "what">[];
}

/** What "?" lists: one group a screen. A screen that handles its own keys adds its group itself. */
export const shown = signal<readonly Shown[]>([]);

/** Adds a group to what "?" lists; gives back what takes it out again. */
export function showKeys(group: Shown): () => void {
  shown.value = [...shown.value, group];
  return () => {
    shown.value = shown.value.filter((other) => other !== group);
  };
}

/** Whether a key is meant for a field or a dialog, and not for the page. */
export function isTyping(event: KeyboardEvent): boolean {
  const target = event.target as Element | null;
  // After a click on its text a dialog does not have the focus.
  if (document.querySelector("dialog[open]")) return true;
  return Boolean(target?.closest?.("input, textarea, select, dialog, [contenteditable]"));
}

/** Listens while the component is there. Keys with ctrl, meta or alt are the browser's. */
export function useKeys(title: string, keys: readonly Key[], active = true): void {
  const current = useRef(keys);
  current.current = keys;
  const names = keys.map((key) => key.key + key.what).join();
  useEffect(() => {
    if (!active) return;
    const hide = showKeys({ title, keys: current.current });
    let first = "";
    const listen = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
      const pressed = first ? `${first} ${event.key}` : event.key;
      const found = current.current.find((key) => key.key === pressed);
      first = !found && current.current.some((key) => key.key.startsWith(`${event.key} `)) ? event.key : "";
      if (!found) return;
      event.preventDefault();
      found.run(event);
    };
    document.addEventListener("keydown", listen);
    return () => {
      document.removeEventListener("keydown", listen);
      hide();
    };
  }, [title, names, active]);
}
