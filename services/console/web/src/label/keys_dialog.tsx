import { useSignal } from "@preact/signals";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { ACTIONS, changed, chord, keysOf, keyText, remap, resetKeys, type Screen } from "./keymap";

/** What each key does on this screen; a press on one gives the action another key. */
export function KeysDialog(props: { screen: Screen; labels: readonly string[]; open: boolean; onClose: () => void }) {
  const textOf = (action: { id: string; text: string }) => {
    const label = props.labels[Number(/\.([1-9])$/.exec(action.id)?.[1]) - 1];
    return label === undefined ? action.text : `${action.text}: ${label}`;
  };
  const waiting = useSignal("");
  const problem = useSignal("");
  const press = (event: KeyboardEvent) => {
    if (!waiting.value) return;
    const key = chord(event);
    if (!key) return;
    event.preventDefault();
    event.stopPropagation();
    const id = waiting.value;
    waiting.value = "";
    if (key === "Escape") return;
    const other = remap(id, key);
    problem.value = other ? `${keyText(key)} is taken: “${other}”. Give that another key first.` : "";
  };
  const close = () => {
    waiting.value = "";
    problem.value = "";
    props.onClose();
  };
  return (
    <Dialog title="Keys of this screen" open={props.open} onClose={close}>
      <p class="muted small">Press a key's button, then the key that you want in its place.</p>
      {problem.value && (
        <p class="error-box" role="alert">
          {problem.value}
        </p>
      )}
      <dl class="keys" onKeyDown={press}>
        {ACTIONS.filter((action) => action.screens.includes(props.screen)).flatMap((action) => [
          <dt key={action.id}>
            <button
              type="button"
              class="key-button"
              aria-label={`${action.text}: ${keysOf(action.id).map(keyText).join(" or ")}. Change`}
              onClick={() => (waiting.value = action.id)}
            >
              {waiting.value === action.id ? (
                <kbd>press a key…</kbd>
              ) : (
                keysOf(action.id).map((key) => <kbd key={key}>{keyText(key)}</kbd>)
              )}
            </button>
          </dt>,
          <dd key={`${action.id} text`}>{textOf(action)}</dd>,
        ])}
      </dl>
      <footer>
        <Button disabled={Object.keys(changed.value).length === 0} onClick={() => resetKeys()}>
          All keys as they came
        </Button>
      </footer>
    </Dialog>
  );
}
