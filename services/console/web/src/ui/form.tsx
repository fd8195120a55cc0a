import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { Button } from "./button";

export interface FormProps {
  /** What the button that sends it says. */
  action: string;
  kind?: "primary" | "danger";
  disabled?: boolean;
  submit: () => Promise<void>;
  cancel: () => void;
  children: ComponentChildren;
}

/** What a dialog asks, with its two buttons. What went wrong stands in the form, for a dialog hides what is behind it. */
export function Form({ action, kind = "primary", disabled, submit, cancel, children }: FormProps) {
  const error = useSignal("");
  const busy = useSignal(false);
  const send = async (event: Event) => {
    event.preventDefault();
    if (busy.value) return;
    busy.value = true;
    error.value = "";
    try {
      await submit();
    } catch (thrown) {
      error.value = thrown instanceof Error ? thrown.message : String(thrown);
    } finally {
      busy.value = false;
    }
  };
  return (
    <form class="stack" onSubmit={send}>
      {children}
      {error.value && (
        <p class="error-box" role="alert">
          {error.value}
        </p>
      )}
      <footer>
        <Button onClick={cancel}>Leave it</Button>
        <Button type="submit" kind={kind} disabled={disabled || busy.value}>
          {action}
        </Button>
      </footer>
    </form>
  );
}
