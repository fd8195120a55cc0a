/** The labels to choose from: nine with a key of their own, and any by its name. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Dialog } from "../ui/dialog";
import { keysOf, keyText } from "./keymap";

/** Eight hues that can be told apart; the labels after them have the same ones, darker and then lighter. */
const HUES = [210, 352, 130, 275, 30, 178, 322, 62];
const LIGHTNESS = [52, 34, 70];

/** A colour for each label, the same on every screen; its name always stands beside it. */
export function labelColour(labels: readonly string[], label: string): string {
  const index = labels.indexOf(label);
  if (index < 0) return "var(--line-strong)";
  const hue = HUES[index % HUES.length];
  return `hsl(${hue} 62% ${LIGHTNESS[Math.floor(index / HUES.length) % LIGHTNESS.length]}%)`;
}

export function Choices(props: {
  labels: readonly string[];
  chosen?: string | null | undefined;
  suggested?: string | undefined;
  onChoose: (label: string) => void;
  onOther: () => void;
}) {
  return (
    <fieldset class="label-choices" aria-label="Labels">
      {props.labels.slice(0, 9).map((label, index) => (
        <button
          key={label}
          type="button"
          class={`choice ${label === props.suggested ? "suggested" : ""}`}
          aria-pressed={label === props.chosen}
          onClick={() => props.onChoose(label)}
        >
          <i class="swatch" style={{ background: labelColour(props.labels, label) }} />
          <span>{label}</span>
          <kbd>
            {keysOf(`label.${index + 1}`)
              .map(keyText)
              .join(" ")}
          </kbd>
        </button>
      ))}
      <button type="button" class="choice" aria-pressed={props.chosen === ""} onClick={() => props.onChoose("")}>
        <span>None of them</span>
        <kbd>{keysOf("label.none").map(keyText).join(" ")}</kbd>
      </button>
      <button type="button" class="choice" onClick={props.onOther}>
        <span>{props.labels.length > 9 ? `All ${props.labels.length} labels` : "By name"}</span>
        <kbd>{keysOf("correct").map(keyText).join(" ")}</kbd>
      </button>
    </fieldset>
  );
}

/** Any label by a part of its name: type, up and down, Enter. */
export function Picker(props: {
  labels: readonly string[];
  open: boolean;
  onChoose: (label: string) => void;
  onClose: () => void;
}) {
  return (
    <Dialog title="Which label?" open={props.open} onClose={props.onClose}>
      <PickerList {...props} />
    </Dialog>
  );
}

function PickerList(props: { labels: readonly string[]; onChoose: (label: string) => void }) {
  const typed = useSignal("");
  const at = useSignal(0);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const wanted = typed.value.trim().toLowerCase();
  const found = props.labels.filter((label) => label.toLowerCase().includes(wanted));
  const index = Math.min(at.value, found.length - 1);
  const press = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") at.value = Math.min(index + 1, found.length - 1);
    else if (event.key === "ArrowUp") at.value = Math.max(index - 1, 0);
    else if (event.key === "Enter" && found[index] !== undefined) props.onChoose(found[index]);
    // A number with nothing typed is the label of that number, as everywhere.
    else if (/^[1-9]$/.test(event.key) && !typed.value && props.labels[Number(event.key) - 1] !== undefined)
      props.onChoose(props.labels[Number(event.key) - 1] as string);
    else return;
    event.preventDefault();
  };
  return (
    <>
      <input
        ref={field}
        class="input"
        role="combobox"
        aria-label="A part of the label's name"
        aria-expanded="true"
        aria-controls="picker"
        aria-activedescendant={found.length ? `picker-${index}` : undefined}
        autocomplete="off"
        value={typed.value}
        onInput={(event) => {
          typed.value = event.currentTarget.value;
          at.value = 0;
        }}
        onKeyDown={press}
      />
      <div class="picker" role="listbox" id="picker" aria-label="Labels">
        {found.map((label, place) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field has the keys
          <div
            key={label}
            id={`picker-${place}`}
            role="option"
            tabIndex={-1}
            aria-selected={place === index}
            onClick={() => props.onChoose(label)}
          >
            {label}
          </div>
        ))}
      </div>
      {found.length === 0 && <p class="muted">No label has this in its name. Labels are added on the task's page.</p>}
    </>
  );
}
