/** A task's page: how far its labels are, who made them, and what can be made of them. */
import { useSignal } from "@preact/signals";
import { hasRole } from "../app/api";
import { count, number, percent } from "../app/format";
import { useLoad } from "../app/load";
import { path } from "../app/router";
import { Button, Command } from "../ui/button";
import { Bar, ErrorBox, Figure, Interval, Page, Panel, Skeleton } from "../ui/parts";
import { Table } from "../ui/table";
import { toast } from "../ui/toast";
import { labelColour } from "./choices";
import { newLabelCommand, statsCommand } from "./commands";
import { MODES, Saved, screenPath, screensOf } from "./desk";
import { FreezeDialog } from "./freeze";
import { openOutbox } from "./open";
import { server } from "./server";
import { Transfer } from "./transfer";
import type { Summary } from "./types";

const HINTS: Record<string, string> = {
  work: "what the model is least sure of, what two models differ in, and a few at random",
  disagreements: "what people called differently: rule",
  suggested: "check what a model guessed",
  mine: "what you said",
  all: "everything",
};

export function TaskSummary({ task, name }: { task: string; name: string }) {
  const loaded = useLoad(`summary/${task}`, (signal) => server.summary(task, signal), 15_000);
  const freezing = useSignal(false);
  const summary = loaded.data;
  const mayLabel = hasRole("labeller") || hasRole("operator");
  return (
    <Page
      title={task}
      above={
        <nav aria-label="Where you are">
          <a href="/label">Label</a> / {task}
        </nav>
      }
      actions={
        <>
          <Saved outbox={openOutbox(name)} />
          {mayLabel && (
            <Button onClick={() => (freezing.value = true)} disabled={!summary?.progress.labelled}>
              Freeze a data set
            </Button>
          )}
          <a class="button primary" href={screenPath(task, summary?.input_kind === "audio" ? "sound" : "focus")}>
            Label
          </a>
        </>
      }
    >
      {loaded.error && <ErrorBox error={loaded.error} retry={loaded.reload} />}
      {!summary && !loaded.error && <Skeleton lines={8} />}
      {summary && (
        <>
          <Advice advice={summary.advice} />
          <div class="halves">
            <Queues task={task} summary={summary} />
            <ProgressPanel task={task} summary={summary} />
          </div>
          <Balance task={task} summary={summary} reload={loaded.reload} mayLabel={mayLabel} />
          <People summary={summary} />
          <Transfer task={task} reload={loaded.reload} mayLabel={mayLabel} />
          <FreezeDialog task={task} open={freezing.value} onClose={() => (freezing.value = false)} />
        </>
      )}
    </Page>
  );
}

function Advice({ advice }: { advice: readonly string[] }) {
  if (advice.length === 0) return null;
  return (
    <ul class="label-note stack">
      {advice.map((text) => (
        <li key={text}>{text}</li>
      ))}
    </ul>
  );
}

function Queues({ task, summary }: { task: string; summary: Summary }) {
  const { waiting, disagreements } = summary.progress;
  const amounts: Record<string, number | undefined> = { work: waiting, disagreements };
  const screen = summary.input_kind === "audio" ? "sound" : "focus";
  return (
    <Panel title="What to label">
      <ul class="queues">
        {Object.entries(MODES).map(([mode, title]) => (
          <li key={mode}>
            <a href={screenPath(task, screen, mode === "work" ? {} : { mode })}>{title}</a>{" "}
            {amounts[mode] !== undefined && <span class="badge number">{number(amounts[mode])}</span>}{" "}
            <span class="muted small">{HINTS[mode]}</span>
          </li>
        ))}
      </ul>
      <div class="row">
        {screensOf(summary.input_kind).map((one) => (
          <a key={one} class="button" href={screenPath(task, one)}>
            {one.charAt(0).toUpperCase() + one.slice(1)}
          </a>
        ))}
      </div>
    </Panel>
  );
}

function ProgressPanel({ task, summary }: { task: string; summary: Summary }) {
  const { progress, honest } = summary;
  return (
    <Panel title="Progress">
      <Bar share={progress.examples ? progress.labelled / progress.examples : 0} />
      <div class="row tally">
        <Figure name="Labelled">
          {number(progress.labelled)} of {number(progress.examples)}
        </Figure>
        <Figure name="Skipped">{number(progress.skipped)}</Figure>
        <Figure name="Near-duplicates">{number(progress.duplicates)}</Figure>
      </div>
      <Figure
        name="Accuracy on the random part, which never trains"
        note={`${number(honest.labelled)} of ${count(honest.examples, "random example")} labelled`}
      >
        {honest.accuracy ? (
          <Interval value={honest.accuracy.value} low={honest.accuracy.low} high={honest.accuracy.high} />
        ) : (
          "not known yet"
        )}
      </Figure>
      <Command text={statsCommand(task)} />
    </Panel>
  );
}

function Balance(props: { task: string; summary: Summary; reload: () => Promise<void>; mayLabel: boolean }) {
  const { task, summary } = props;
  const fresh = useSignal("");
  const most = Math.max(1, ...summary.labels.map((one) => one.count));
  const names = summary.labels.map((one) => one.label);
  const add = async (event: Event) => {
    event.preventDefault();
    try {
      await server.addLabel(task, fresh.value.trim());
      toast(`${fresh.value.trim()} is a label of ${task} now.`);
      fresh.value = "";
      await props.reload();
    } catch (error) {
      toast(error instanceof Error ? error.message : String(error), "error");
    }
  };
  return (
    <Panel title="Labels">
      <ul class="balance">
        {summary.labels.map((one) => (
          <li key={one.label}>
            <a href={screenPath(task, "grid", { mode: "all", label: one.label })}>{one.label}</a>
            <span class="balance-bar" aria-hidden="true">
              <i style={{ width: `${(one.count / most) * 100}%`, background: labelColour(names, one.label) }} />
            </span>
            <span class="number">{number(one.count)}</span>
            <span class="muted small number">{one.suggested > 0 && `${number(one.suggested)} suggested`}</span>
          </li>
        ))}
      </ul>
      {props.mayLabel && (
        <form class="row" onSubmit={add}>
          <input
            class="input add-label"
            aria-label="A further label"
            placeholder="A further label"
            maxLength={200}
            value={fresh.value}
            onInput={(event) => (fresh.value = event.currentTarget.value)}
          />
          <Button
            type="submit"
            disabled={!fresh.value.trim()}
            command={newLabelCommand(task, fresh.value.trim() || "LABEL")}
          >
            Add label
          </Button>
        </form>
      )}
    </Panel>
  );
}

function People({ summary }: { summary: Summary }) {
  if (summary.people.length === 0) return null;
  return (
    <Panel title="People" flush>
      <Table
        caption="Who labelled"
        rows={summary.people}
        rowKey={(row) => row.by}
        columns={[
          { id: "by", title: "Name", cell: (row) => row.by, by: (row) => row.by },
          { id: "labels", title: "Labels", cell: (row) => number(row.labels), end: true, by: (row) => row.labels },
          {
            id: "seconds",
            title: "Seconds a label (median)",
            cell: (row) => number(row.median_seconds, 1),
            end: true,
            by: (row) => row.median_seconds,
          },
          {
            id: "agreement",
            title: "Agrees with others",
            cell: (row) => percent(row.agreement),
            end: true,
            by: (row) => row.agreement,
          },
        ]}
      />
    </Panel>
  );
}

/** The tasks, for who comes without one. */
export function Tasks() {
  const tasks = useLoad("label", (signal) => server.tasks(signal), 15_000);
  return (
    <Page title="Label">
      {tasks.error && <ErrorBox error={tasks.error} retry={tasks.reload} />}
      {!tasks.data && !tasks.error && <Skeleton />}
      {tasks.data && (
        <Panel title="Tasks" flush>
          <Table
            caption="What waits for a label, by task"
            rows={tasks.data}
            rowKey={(row) => row.task}
            columns={[
              {
                id: "task",
                title: "Task",
                cell: (row) => <a href={path("label", row.task)}>{row.task}</a>,
                by: (row) => row.task,
              },
              {
                id: "examples",
                title: "Examples",
                cell: (row) => number(row.examples),
                end: true,
                by: (row) => row.examples,
              },
              {
                id: "labelled",
                title: "Labelled",
                cell: (row) => number(row.labelled),
                end: true,
                by: (row) => row.labelled,
              },
              {
                id: "waiting",
                title: "Waiting",
                cell: (row) => number(row.waiting),
                end: true,
                by: (row) => row.waiting,
              },
              {
                id: "disagreements",
                title: "Disagreements",
                cell: (row) => number(row.disagreements),
                end: true,
                by: (row) => row.disagreements,
              },
            ]}
          />
          {tasks.data.length === 0 && (
            <div class="body">
              <p class="muted">
                No task has examples yet. Devices send them once they are allowed to; your own come by an import:
              </p>
              <Command text="pipit label import TASK FOLDER --format folder" />
            </div>
          )}
        </Panel>
      )}
    </Page>
  );
}
