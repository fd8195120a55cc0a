import { useSignal } from "@preact/signals";
import { Button, Command } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { Form } from "../ui/form";
import { Field } from "../ui/parts";

export interface ReasonedProps {
  title: string;
  text: string;
  kind?: "primary" | "danger";
  command: (reason: string) => string;
  run: (reason: string) => Promise<void>;
}

/** A button for what changes devices: it asks first, takes a reason for the history, and shows the command. */
export function Reasoned({ title, text, kind = "danger", command, run }: ReasonedProps) {
  const open = useSignal(false);
  const reason = useSignal("");
  const submit = async () => {
    await run(reason.value.trim());
    open.value = false;
    reason.value = "";
  };
  return (
    <>
      <Button kind={kind} command={command("")} onClick={() => (open.value = true)}>
        {title}
      </Button>
      <Dialog title={title} open={open.value} onClose={() => (open.value = false)}>
        <Form action={title} kind={kind} submit={submit} cancel={() => (open.value = false)}>
          <p>{text}</p>
          <Field label="Reason" hint="The history keeps it.">
            <input
              class="input"
              name="reason"
              value={reason.value}
              onInput={(event) => (reason.value = event.currentTarget.value)}
            />
          </Field>
          <Command text={command(reason.value)} />
        </Form>
      </Dialog>
    </>
  );
}
