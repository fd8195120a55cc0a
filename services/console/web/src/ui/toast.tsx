import { signal } from "@preact/signals";
import { Icon } from "./icons";

interface Toast {
  id: number;
  text: string;
  level: "ok" | "error";
}

const toasts = signal<readonly Toast[]>([]);
let last = 0;

function close(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

/** Says what was done or went wrong, in a corner. An error stays until it is closed. */
export function toast(text: string, level: "ok" | "error" = "ok"): void {
  const id = ++last;
  toasts.value = [...toasts.value.filter((other) => other.text !== text), { id, text, level }].slice(-4);
  if (level === "ok") setTimeout(() => close(id), 6000);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((shown) => (
        <div key={shown.id} class={`toast ${shown.level}`}>
          <p>{shown.text}</p>
          <button
            type="button"
            class="button plain icon"
            aria-label="Close this message"
            onClick={() => close(shown.id)}
          >
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}
