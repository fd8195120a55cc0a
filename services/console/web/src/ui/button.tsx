import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useId, useRef } from "preact/hooks";
import { Icon } from "./icons";
import { toast } from "./toast";

export interface ButtonProps {
  children: ComponentChildren;
  onClick?: () => unknown;
  kind?: "primary" | "danger" | "plain" | undefined;
  type?: "button" | "submit";
  disabled?: boolean | undefined;
  /** What a reader hears, where the button shows an icon alone. */
  label?: string | undefined;
  icon?: boolean;
  pressed?: boolean | undefined;
  /** The command that does the same; it is shown beside the button. */
  command?: string | undefined;
}

/** A button that waits for what it began, says what went wrong, and shows the command that does the same. */
export function Button(props: ButtonProps) {
  const busy = useSignal(false);
  const run = async () => {
    if (!props.onClick) return;
    busy.value = true;
    try {
      await props.onClick();
    } catch (error) {
      toast(error instanceof Error ? error.message : String(error), "error");
    } finally {
      busy.value = false;
    }
  };
  const button = (
    <button
      type={props.type ?? "button"}
      class={`button ${props.kind ?? ""} ${props.icon ? "icon" : ""}`}
      disabled={props.disabled || busy.value}
      aria-label={props.label}
      title={props.label}
      aria-pressed={props.pressed}
      aria-busy={busy.value}
      onClick={run}
    >
      {props.children}
    </button>
  );
  if (!props.command) return button;
  return (
    <span class="with-command">
      {button}
      <CommandPopover command={props.command} />
    </span>
  );
}

function CommandPopover({ command }: { command: string }) {
  const id = useId();
  const opener = useRef<HTMLButtonElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  const placePanel = () => {
    if (!opener.current || !panel.current) return;
    const at = opener.current.getBoundingClientRect();
    const left = Math.max(12, Math.min(at.right, innerWidth - 12) - panel.current.offsetWidth);
    const below = at.bottom + 6;
    panel.current.style.left = `${left}px`;
    panel.current.style.top =
      below + panel.current.offsetHeight < innerHeight ? `${below}px` : `${at.top - 6 - panel.current.offsetHeight}px`;
  };
  return (
    <>
      <button
        ref={opener}
        type="button"
        class="button shows"
        popovertarget={id}
        aria-label="The command that does the same"
        title="The command that does the same"
      >
        &gt;_
      </button>
      <div ref={panel} id={id} popover="auto" class="popover" onToggle={placePanel}>
        <p class="small muted">The command that does the same</p>
        <Command text={command} />
      </div>
    </>
  );
}

/** A command to read and to copy. */
export function Command({ text }: { text: string }) {
  const copied = useSignal(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    copied.value = true;
    setTimeout(() => {
      copied.value = false;
    }, 2000);
  };
  return (
    <div class="command">
      <code>{text}</code>
      <Button icon kind="plain" label={copied.value ? "Copied" : "Copy the command"} onClick={copy}>
        <Icon name={copied.value ? "check" : "copy"} />
      </Button>
    </div>
  );
}
