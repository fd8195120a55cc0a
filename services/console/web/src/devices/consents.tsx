import { useSignal } from "@preact/signals";
import { api, hasRole } from "../app/api";
import { consent as consentCommand, withdraw as withdrawCommand } from "../app/commands";
import { ago, count, number, percent } from "../app/format";
import type { Consent, ConsentAsked, Device } from "../app/openapi";
import { path } from "../app/router";
import { Button, Command } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { Form } from "../ui/form";
import { Empty, Field, Panel } from "../ui/parts";
import { toast } from "../ui/toast";

const MB = 1_000_000;
/** What the device may keep and send on, task by task: nothing, unless somebody agreed to a text that is stored. */
export function Consents({
  device,
  consents,
  reload,
}: {
  device: Device;
  consents: readonly Consent[];
  reload: () => Promise<void>;
}) {
  const giving = useSignal("");
  const without = device.tasks
    .map(({ task }) => task)
    .filter((task) => !consents.some((consent) => consent.task === task));
  const withdraw = async (task: string) => {
    await api.delete(path("consents", device.device_id, task));
    toast(`The consent for ${task} is withdrawn: ${device.device_id} keeps nothing more of it.`);
    await reload();
  };
  return (
    <Panel title="Consents" flush>
      {consents.length === 0 && (
        <Empty title="It keeps nothing.">
          <p>With a consent it keeps what its model is unsure of, and sends it on to be labelled.</p>
        </Empty>
      )}
      <ul class="lines">
        {consents.map((consent) => (
          <li key={consent.task} class="stack move">
            <div class="row spread">
              <strong>{consent.task}</strong>
              {hasRole("operator") && (
                <Button
                  kind="danger"
                  command={withdrawCommand(device.device_id, consent.task)}
                  label={`Withdraw the consent for ${consent.task}`}
                  onClick={() => withdraw(consent.task)}
                >
                  Withdraw
                </Button>
              )}
            </div>
            <blockquote class="consent">{consent.text}</blockquote>
            <div class="small muted">
              Scores of {percent(consent.low)} to {percent(consent.high)}, {percent(consent.rate)} of them;{" "}
              {percent(consent.random_rate)} of all, at random; at most {number(consent.quota_bytes / MB)} MB on the
              device; kept {consent.keep_days ? `for ${count(consent.keep_days, "day")}` : "for ever"}. Given by{" "}
              {consent.given_by || "nobody known"}, {ago(consent.given_at)}.
            </div>
          </li>
        ))}
        {hasRole("operator") &&
          without.map((task) => (
            <li key={task} class="row spread">
              <span>{task}</span>
              <Button onClick={() => (giving.value = task)} label={`Give consent for ${task}`}>
                Give consent
              </Button>
            </li>
          ))}
      </ul>
      <Dialog
        title={`Consent for ${giving.value} on ${device.device_id}`}
        open={giving.value !== ""}
        onClose={() => (giving.value = "")}
      >
        <ConsentForm
          key={giving.value}
          device={device.device_id}
          task={giving.value}
          close={() => (giving.value = "")}
          reload={reload}
        />
      </Dialog>
    </Panel>
  );
}

/** What is wrong with a band of scores and its rates; empty: nothing. */
export function consentProblem({ low = 0, high = 1, text }: ConsentAsked): string {
  if (!text.trim()) return "Write what the people concerned agreed to; it is kept.";
  return low > high ? "The band's lower end has to be below its upper end." : "";
}

function ConsentForm({
  device,
  task,
  close,
  reload,
}: {
  device: string;
  task: string;
  close: () => void;
  reload: () => Promise<void>;
}) {
  const asked = useSignal({
    text: "",
    low: 0.4,
    high: 0.6,
    rate: 0.1,
    random_rate: 0.01,
    quota_bytes: 100 * MB,
    keep_days: 90,
  });
  const problem = consentProblem(asked.value);
  const submit = async () => {
    await api.put(path("consents", device, task), { ...asked.value, text: asked.value.text.trim() });
    close();
    toast(`${device} may keep what ${task} is unsure of.`);
    await reload();
  };
  const amount = (
    key: Exclude<keyof typeof asked.value, "text">,
    label: string,
    unit: number,
    limits: { max?: number; step: number },
  ) => (
    <Field label={label}>
      <input
        class="input"
        type="number"
        min={0}
        required
        {...limits}
        value={Number((asked.value[key] / unit).toPrecision(12))}
        onInput={(event) => {
          asked.value = { ...asked.value, [key]: event.currentTarget.valueAsNumber * unit };
        }}
      />
    </Field>
  );
  return (
    <Form action="Give consent" disabled={problem !== ""} submit={submit} cancel={close}>
      <Field
        label="What was agreed to"
        hint="In the words of the people concerned. It is kept with your name and the time."
      >
        <textarea
          class="input"
          rows={4}
          placeholder="Anna and Ben: unsure clips may be kept for 30 days"
          required
          value={asked.value.text}
          onInput={(event) => {
            asked.value = { ...asked.value, text: event.currentTarget.value };
          }}
        />
      </Field>
      <div class="pair">
        {amount("low", "Scores from (%)", 0.01, { max: 100, step: 1 })}
        {amount("high", "to (%)", 0.01, { max: 100, step: 1 })}
        {amount("rate", "Of these kept (%)", 0.01, { max: 100, step: 0.1 })}
        {amount("random_rate", "Of all, at random (%)", 0.01, { max: 100, step: 0.1 })}
        {amount("quota_bytes", "Room on the device (MB)", MB, { step: 1 })}
        {amount("keep_days", "Kept for (days; 0: for ever)", 1, { step: 1 })}
      </div>
      <Command text={consentCommand(device, task, asked.value)} />
      {problem && <p class="small muted">{problem}</p>}
    </Form>
  );
}
