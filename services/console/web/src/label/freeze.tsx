import { useSignal } from "@preact/signals";
import { count, number } from "../app/format";
import { Button, Command } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/parts";
import { freezeCommand } from "./commands";
import { server } from "./server";
import type { Frozen } from "./types";

/** Makes a data set of what people agree on, and says how to train with it. */
export function FreezeDialog({ task, open, onClose }: { task: string; open: boolean; onClose: () => void }) {
  const name = useSignal(`${new Date().toISOString().slice(0, 10)}`);
  const frozen = useSignal<Frozen | null>(null);
  const freeze = async () => {
    frozen.value = await server.freeze(task, name.value.trim());
  };
  const close = () => {
    frozen.value = null;
    onClose();
  };
  const set = frozen.value;
  return (
    <Dialog title="Freeze a data set" open={open} onClose={close}>
      {set ? (
        <>
          <p>
            <strong>{set.name}</strong> holds {count(sum(set.labels), "example")}, {number(set.held_out)} of them the
            random part, which is held out from training.
          </p>
          <Counts counts={set.labels} />
          {sum(set.left_out) > 0 && (
            <>
              <h3>Left out</h3>
              <Counts counts={set.left_out} />
            </>
          )}
          <h3>Train with it</h3>
          <Command text={set.command} />
          <p class="muted small digest">Digest {set.digest}: the same examples and labels give the same one.</p>
        </>
      ) : (
        <>
          <p>All that people agree on now becomes a data set that never changes. Labelling goes on meanwhile.</p>
          <Field label="Name" hint="Small letters, digits, dots and dashes">
            <input
              class="input"
              value={name.value}
              pattern="[a-z0-9][a-z0-9_.\-]{0,62}"
              onInput={(event) => (name.value = event.currentTarget.value)}
            />
          </Field>
          <footer>
            <Button
              kind="primary"
              onClick={freeze}
              disabled={!/^[a-z0-9][a-z0-9_.-]{0,62}$/.test(name.value.trim())}
              command={freezeCommand(task, name.value.trim() || "NAME")}
            >
              Freeze
            </Button>
          </footer>
        </>
      )}
    </Dialog>
  );
}

function sum(counts: Record<string, number>): number {
  return Object.values(counts).reduce((total, one) => total + one, 0);
}

function Counts({ counts }: { counts: Record<string, number> }) {
  return (
    <ul class="small">
      {Object.entries(counts).map(([what, amount]) => (
        <li key={what} class="row spread">
          <span>{what.replaceAll("_", " ")}</span>
          <span class="number">{number(amount)}</span>
        </li>
      ))}
    </ul>
  );
}
