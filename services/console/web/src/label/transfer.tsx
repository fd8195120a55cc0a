import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { count } from "../app/format";
import { Button, Command } from "../ui/button";
import { Panel } from "../ui/parts";
import { exportCommand, importCommand } from "./commands";
import { server } from "./server";

const FORMATS: Record<string, string> = {
  folder: "A folder a class",
  csv: "CSV",
  jsonl: "JSON Lines",
  labelstudio: "Label Studio",
  coco: "COCO (boxes)",
  yolo: "YOLO (boxes)",
  edl: "EDL (parts of broadcasts)",
};

/** Labels and contents to other programs, and from them. */
export function Transfer(props: { task: string; reload: () => Promise<void>; mayLabel: boolean }) {
  const { task } = props;
  const format = useSignal("folder");
  const problems = useSignal<string[]>([]);
  const done = useSignal("");
  const busy = useSignal(false);
  const file = useRef<HTMLInputElement>(null);
  const bring = async () => {
    const chosen = file.current?.files?.[0];
    if (!chosen) return;
    busy.value = true;
    try {
      const answer = await server.import(task, format.value, chosen);
      done.value = `${count(answer.examples, "example")} came, ${count(answer.labelled, "label")} with them.`;
      problems.value = answer.problems;
      await props.reload();
    } catch (error) {
      problems.value = [error instanceof Error ? error.message : String(error)];
    } finally {
      busy.value = false;
      if (file.current) file.current.value = "";
    }
  };
  return (
    <Panel title="Export and import">
      <div class="row">
        <label class="row">
          <span class="muted small">Format</span>
          <select class="input" value={format.value} onChange={(event) => (format.value = event.currentTarget.value)}>
            {Object.entries(FORMATS).map(([id, title]) => (
              <option key={id} value={id}>
                {title}
              </option>
            ))}
          </select>
        </label>
        <a class="button" href={server.exportUrl(task, format.value)} download>
          Export
        </a>
        {props.mayLabel && (
          <>
            <input
              ref={file}
              type="file"
              aria-label="File to import"
              onChange={bring}
              class="only-read"
              tabIndex={-1}
            />
            <Button disabled={busy.value} onClick={() => file.current?.click()}>
              {busy.value ? "Importing…" : "Import a file…"}
            </Button>
          </>
        )}
      </div>
      <Command text={exportCommand(task, format.value)} />
      <Command text={importCommand(task, format.value, "FILE")} />
      {done.value && <p role="status">{done.value}</p>}
      {problems.value.length > 0 && (
        <ul class="error-box stack small">
          {problems.value.map((problem) => (
            <li key={problem}>{problem}</li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
