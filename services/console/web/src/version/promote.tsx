import { useSignal } from "@preact/signals";
import { api } from "../app/api";
import { promote } from "../app/commands";
import { useLoad } from "../app/load";
import type { Device, Promote, Promoted, TaskAnswer, VersionAnswer } from "../app/openapi";
import { navigate, path } from "../app/router";
import { rolloutPath } from "../rollout/line";
import { Command } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { Form } from "../ui/form";
import { Field } from "../ui/parts";
import { toast } from "../ui/toast";

const PROFILES = [
  ["fast", "Fast", "one device for seconds, then some, then all; every day"],
  ["careful", "Careful", "the same over more than an hour"],
  ["ab", "A/B", "half of them, until you say which is better"],
  ["now", "Now", "all at once, unwatched"],
] as const;

interface Asked {
  environment: string;
  profile: (typeof PROFILES)[number][0];
  reason: string;
  first: readonly string[];
  when_silent: "" | "advance" | "pause" | "abort";
  supersede: boolean;
  override_gates: boolean;
}

/** What is sent, of what was chosen: a move at once has no first device and no silence. */
export function promotion(version: string, asked: Asked): Promote {
  const now = asked.profile === "now";
  return {
    ...asked,
    version,
    reason: asked.reason.trim(),
    first: now ? [] : [...asked.first],
    when_silent: now ? "" : asked.when_silent,
    supersede: now ? false : asked.supersede,
  };
}

export function PromoteDialog({
  version,
  open,
  onClose,
}: {
  version: VersionAnswer;
  open: boolean;
  onClose: () => void;
}) {
  return (
    <Dialog title={`Promote ${version.task} ${version.version}`} open={open} onClose={onClose}>
      <PromoteForm version={version} onClose={onClose} />
    </Dialog>
  );
}

function PromoteForm({ version, onClose }: { version: VersionAnswer; onClose: () => void }) {
  const asked = useSignal<Asked>({
    environment: "production",
    profile: "fast",
    reason: "",
    first: [],
    when_silent: "",
    supersede: false,
    override_gates: false,
  });
  const set = (change: Partial<Asked>) => {
    asked.value = { ...asked.value, ...change };
  };
  const devices = useLoad("devices", (signal) => api.get<Device[]>("/devices", { signal }));
  const task = useLoad(`task ${version.task}`, (signal) =>
    api.get<TaskAnswer>(path("tasks", version.task), { signal }),
  );
  const { environment, profile, first } = asked.value;
  const able = (devices.data ?? []).filter(
    (device) => device.environment === environment && device.tasks.some((report) => report.task === version.task),
  );
  const failed = version.gates.filter((gate) => !gate.passed);
  const forbidden = failed.length > 0 || (environment === "production" && version.synthetic.length > 0);
  const body = promotion(version.version, asked.value);

  const submit = async () => {
    const { rollout, moved_at_once } = await api.post<Promoted>(path("tasks", version.task, "promote"), body);
    onClose();
    if (rollout) navigate(rolloutPath(rollout));
    else toast(moved_at_once || `${environment} of ${version.task} is at ${version.version} now.`);
  };

  return (
    <Form action="Promote" submit={submit} cancel={onClose}>
      <Field label="Environment">
        <input
          class="input"
          list="environments"
          required
          value={environment}
          onInput={(event) => set({ environment: event.currentTarget.value.trim(), first: [] })}
        />
        <datalist id="environments">
          {["production", "staging", ...(task.data?.environments.map(({ name }) => name) ?? [])]
            .filter((name, index, all) => all.indexOf(name) === index)
            .map((name) => (
              <option key={name} value={name} />
            ))}
        </datalist>
      </Field>
      <fieldset class="choices">
        <legend>How it goes over the devices</legend>
        {PROFILES.map(([id, title, text]) => (
          <label key={id} class="check">
            <input type="radio" name="profile" checked={profile === id} onChange={() => set({ profile: id })} />
            <span>
              {title} <span class="muted small">{text}</span>
            </span>
          </label>
        ))}
      </fieldset>
      {profile !== "now" && able.length > 0 && (
        <fieldset class="choices">
          <legend>Devices that come first</legend>
          <div class="row">
            {able.map(({ device_id }) => (
              <label key={device_id} class="check">
                <input
                  type="checkbox"
                  checked={first.includes(device_id)}
                  onChange={(event) =>
                    set({
                      first: event.currentTarget.checked
                        ? [...first, device_id]
                        : first.filter((other) => other !== device_id),
                    })
                  }
                />
                {device_id}
              </label>
            ))}
          </div>
          <small class="muted">None chosen: the order is drawn.</small>
        </fieldset>
      )}
      {profile !== "now" && (
        <Field label="Where nobody asks a stage anything">
          <select
            class="input"
            value={asked.value.when_silent}
            onChange={(event) => set({ when_silent: event.currentTarget.value as Asked["when_silent"] })}
          >
            <option value="">pause (as the registry has it)</option>
            <option value="pause">pause</option>
            <option value="advance">go on all the same</option>
            <option value="abort">stop it</option>
          </select>
        </Field>
      )}
      <Field
        label="Reason"
        hint={forbidden ? "Needed to promote against the gates. The history keeps it." : "The history keeps it."}
      >
        <input
          class="input"
          value={asked.value.reason}
          required={asked.value.override_gates}
          onInput={(event) => set({ reason: event.currentTarget.value })}
        />
      </Field>
      {profile !== "now" && (
        <label class="check">
          <input
            type="checkbox"
            checked={asked.value.supersede}
            onChange={(event) => set({ supersede: event.currentTarget.checked })}
          />
          Take the place of a rollout that is under way
        </label>
      )}
      {forbidden && (
        <label class="check">
          <input
            type="checkbox"
            checked={asked.value.override_gates}
            onChange={(event) => set({ override_gates: event.currentTarget.checked })}
          />
          <span>
            Promote against the gates
            <span class="small muted">
              {" "}
              {failed.length
                ? `${failed.map(({ name }) => name).join(", ")} failed`
                : "it was made with synthetic data"}
            </span>
          </span>
        </label>
      )}
      <Command text={promote(version.task, body)} />
    </Form>
  );
}
