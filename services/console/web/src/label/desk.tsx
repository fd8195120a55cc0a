/** The frame of every label screen: queue, progress, what is not saved yet, and what all of them do by the same keys. */
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { type ApiError, session } from "../app/api";
import { count, number } from "../app/format";
import { useLoad } from "../app/load";
import { navigate, path, place, setQuery, withQuery } from "../app/router";
import { Button } from "../ui/button";
import { Bar, Empty, ErrorBox, Page } from "../ui/parts";
import { toast } from "../ui/toast";
import { Picker } from "./choices";
import type { Screen } from "./keymap";
import { KeysDialog } from "./keys_dialog";
import { openOutbox, openWork } from "./open";
import type { Outbox } from "./outbox";
import { server } from "./server";
import type { Item, Mode, Summary } from "./types";
import { focusStage, type Handlers, useLabelKeys } from "./use_keys";
import { suggestionOf, type Work } from "./work";

export const MODES: Record<Mode, string> = {
  work: "What helps most",
  disagreements: "Disagreements",
  suggested: "Suggested, unsure first",
  mine: "Mine",
  all: "All",
};
const TITLES: Record<Screen, string> = {
  focus: "Focus",
  grid: "Grid",
  sound: "Sound",
  timeline: "Timeline",
  boxes: "Boxes",
};

export interface Desk {
  task: string;
  screen: Screen;
  work: Work;
  outbox: Outbox;
  summary: Summary | null;
  /** Why there is no summary; null as well while it comes. */
  summaryError: ApiError | null;
  /** Whether examples can be shown: who sees one can label it. Keys that come before the labels would be lost. */
  isReady: boolean;
  reloadSummary: () => Promise<void>;
  labels: readonly string[];
  /** Opens the list of all labels. */
  pick: () => void;
}

/** Which screens suit what the task takes. */
export function screensOf(kind: string | undefined): Screen[] {
  if (kind === "audio") return ["focus", "sound", "grid", "timeline"];
  // A task that has no version yet does not say what it takes.
  if (!kind) return ["focus", "sound", "grid", "boxes", "timeline"];
  return kind === "image" ? ["focus", "grid", "boxes", "timeline"] : ["focus", "grid", "timeline"];
}

/** The address of a label screen; the queue stays as it is. */
export function screenPath(task: string, screen: Screen, more: Record<string, string> = {}): string {
  const query = new URLSearchParams(more);
  for (const key of ["mode", "label"]) {
    const value = place.value.query.get(key);
    if (value && !query.has(key)) query.set(key, value);
  }
  const text = query.toString();
  return path("label", task, screen) + (text ? `?${text}` : "");
}

function modeOf(asked: string | null): Mode {
  return asked && asked in MODES ? (asked as Mode) : "work";
}

/** What a screen does its own way. choose: a label for what it shows. chosen: what the common keys speak of. */
export interface Doing {
  choose: (label: string) => void;
  chosen: () => string[];
  /** After something was said of what was chosen. */
  onward: () => void;
  /** After an undo. */
  back: (examples: string[]) => void;
  keys: Handlers;
  release?: Handlers;
}

/** The last summary that came: the next screen has its labels and their keys at once, without a network too. */
let last: { of: string; summary: Summary } | null = null;

export function useDesk(task: string, screen: Screen): Desk & { picking: { value: boolean } } {
  const name = session.value?.name ?? "";
  const mode = modeOf(place.value.query.get("mode"));
  const label = place.value.query.get("label") ?? "";
  const outbox = useMemo(() => openOutbox(name), [name]);
  const work = useMemo(() => openWork(task, mode, label, name), [task, mode, label, name]);
  const loaded = useLoad(`summary/${task}`, (signal) => server.summary(task, signal), 20_000);
  const of = `${name} ${task}`;
  if (loaded.data) last = { of, summary: loaded.data };
  const summary = last?.of === of ? last.summary : null;
  const picking = useSignal(false);
  const labels = useMemo(() => summary?.labels.map((one) => one.label) ?? [], [summary]);
  const isReady = summary !== null || loaded.error !== null;
  const pending = outbox.pending.value;
  const done = work.done.value;
  const reload = loaded.reload;
  const counted = useRef(done);
  // What was just saved is counted once one pauses.
  useEffect(() => {
    if (pending > 0 || done === counted.current) return;
    const timer = setTimeout(() => {
      counted.current = done;
      void reload();
    }, 1000);
    return () => clearTimeout(timer);
  }, [pending, done, reload]);
  useEffect(() => {
    if (screen !== "timeline") void work.start(place.peek().query.get("at") ?? "");
  }, [work, screen]);
  useEffect(() => {
    if (isReady) focusStage();
  }, [work, screen, isReady]);
  useEffect(() => {
    const again = () => void work.more();
    addEventListener("online", again);
    return () => removeEventListener("online", again);
  }, [work]);
  return {
    ...{ task, screen, work, outbox, labels, picking, summary, isReady },
    summaryError: summary ? null : loaded.error,
    reloadSummary: reload,
    pick: () => (picking.value = true),
  };
}

export function DeskFrame(props: {
  desk: ReturnType<typeof useDesk>;
  doing: Doing;
  aside?: ComponentChildren;
  children: ComponentChildren;
}) {
  const { desk, doing } = props;
  const { task, screen, work, labels, picking } = desk;
  const helping = useSignal(false);
  const after = (examples: string[] | null, nothing: string) => {
    if (examples === null) toast(nothing);
    else doing.back(examples);
    focusStage();
  };
  const undo = () => after(work.undo(), "There is nothing left to undo.");
  const redo = () => after(work.redo(), "There is nothing to do again.");
  const accept = () => {
    const ids = doing.chosen();
    const without = work.accept(ids);
    if (without) toast(`${count(without, "example")} without a suggestion: choose a label by its number.`);
    if (without < ids.length) doing.onward();
  };
  const skip = () => {
    const ids = doing.chosen();
    work.skip(ids);
    if (ids.length) doing.onward();
  };
  const keys: Handlers = {
    "label.none": () => doing.choose(""),
    ...Object.fromEntries(
      labels.slice(0, 9).map((label, index) => [`label.${index + 1}`, () => doing.choose(label)] as const),
    ),
    accept,
    skip,
    correct: desk.pick,
    undo,
    redo,
    focus: () => navigate(screenPath(task, "focus", atOf(doing))),
    grid: () => navigate(screenPath(task, "grid")),
    help: () => (helping.value = true),
    ...doing.keys,
  };
  useLabelKeys(screen, desk.isReady ? keys : {}, doing.release);
  const at = work.current.value?.id;
  useEffect(() => {
    // Browsers allow a page some hundred changes of its address a minute.
    if (!at || screen === "timeline") return;
    const timer = setTimeout(() => setQuery({ at }), 400);
    return () => clearTimeout(timer);
  }, [at, screen]);
  return (
    <Page
      title={task}
      above={<Crumbs task={task} screen={screen} />}
      actions={
        <>
          <Button disabled={!work.history.canUndo.value} onClick={undo}>
            Undo
          </Button>
          <Button disabled={!work.history.canRedo.value} onClick={redo}>
            Redo
          </Button>
          <Button onClick={() => (helping.value = true)}>Keys</Button>
        </>
      }
    >
      <div class="desk-bar">
        <Screens desk={desk} />
        {screen !== "timeline" && <QueueChoice work={work} />}
        {props.aside}
        <Saved outbox={desk.outbox} />
      </div>
      <DeskProgress desk={desk} />
      {work.error.value && (
        <p class="error-box" role="alert">
          {work.error.value}
          <Button onClick={() => work.more()}>Try again</Button>
        </p>
      )}
      {desk.summary && labels.length === 0 && (
        <p class="label-note">
          This task has no labels yet. <a href={path("label", task)}>Add the first ones</a>
        </p>
      )}
      {desk.summaryError && <ErrorBox error={desk.summaryError} retry={desk.reloadSummary} />}
      {desk.isReady && ["focus", "sound", "boxes"].includes(screen) && <Spoken item={work.current.value} />}
      {desk.isReady ? props.children : <Empty title="Looking what is next…" />}
      <KeysDialog screen={screen} labels={labels} open={helping.value} onClose={() => (helping.value = false)} />
      <Picker
        labels={labels}
        open={picking.value}
        onClose={() => (picking.value = false)}
        onChoose={(label) => {
          picking.value = false;
          doing.choose(label);
          focusStage();
        }}
      />
    </Page>
  );
}

/** For who hears the page: what is shown now, and what the model says of it. */
function Spoken({ item }: { item: Item | undefined }) {
  const suggestion = suggestionOf(item);
  const said = item && item.state !== "none" ? `, ${item.label || item.state}` : "";
  return (
    <p class="only-read" role="status">
      {item && `${item.name || item.id}${said}${suggestion ? `, suggested: ${suggestion.label}` : ""}`}
    </p>
  );
}

function atOf(doing: Doing): Record<string, string> {
  const [at] = doing.chosen();
  return at ? { at } : {};
}

function Crumbs({ task, screen }: { task: string; screen: Screen }) {
  return (
    <nav aria-label="Where you are">
      <a href="/label">Label</a> / <a href={path("label", task)}>{task}</a> / {TITLES[screen]}
    </nav>
  );
}

function Screens({ desk }: { desk: Desk }) {
  return (
    <nav class="segments" aria-label="Views">
      {screensOf(desk.summary?.input_kind).map((screen) => (
        <a key={screen} href={screenPath(desk.task, screen)} aria-current={screen === desk.screen ? "page" : undefined}>
          {TITLES[screen]}
        </a>
      ))}
    </nav>
  );
}

function QueueChoice({ work }: { work: Work }) {
  return (
    <label class="row small">
      <span class="muted">Queue</span>
      <select
        class="input"
        value={work.mode}
        onChange={(event) => {
          const mode = event.currentTarget.value;
          setQuery({ mode: mode === "work" ? null : mode, at: null });
          focusStage();
        }}
      >
        {Object.entries(MODES).map(([mode, title]) => (
          <option key={mode} value={mode}>
            {title}
          </option>
        ))}
      </select>
      {work.label && (
        <a class="badge accent" href={withQuery({ label: null, at: null })}>
          only {work.label} ×
        </a>
      )}
      {work.waiting.value !== null && (
        <span class="muted number">
          {work.mode === "work" ? `${number(work.waiting.value)} waiting` : count(work.waiting.value, "example")}
        </span>
      )}
    </label>
  );
}

/** What is not on the server yet, and why. */
export function Saved({ outbox }: { outbox: Outbox }) {
  const pending = outbox.pending.value;
  const refused = outbox.refused.value;
  return (
    <div class="saved" role="status">
      {outbox.trouble.value === "offline" && (
        <span class="badge warning">No connection: labels are kept in this browser and sent later</span>
      )}
      {outbox.storageFull.value && (
        <span class="badge error">This browser's storage is full: keep the page open until all is saved</span>
      )}
      {pending > 0 ? (
        <span class="badge accent number">{pending} not yet saved</span>
      ) : (
        refused.length === 0 && <span class="badge ok">All saved</span>
      )}
      {refused.length > 0 && (
        <span class="row">
          <span class="badge error">
            {count(refused.length, "batch", "batches")} refused: {refused[0]?.refused}
          </span>
          <Button onClick={() => outbox.retry(true)}>Try again</Button>
          <Button kind="danger" onClick={() => outbox.refused.value.forEach((batch) => void outbox.drop(batch))}>
            Give up
          </Button>
        </span>
      )}
    </div>
  );
}

function DeskProgress({ desk }: { desk: Desk }) {
  const progress = desk.summary?.progress;
  if (!progress || progress.examples === 0) return null;
  const share = progress.labelled / progress.examples;
  return (
    <div class="desk-progress">
      <Bar share={share} />
      <span class="muted small number">
        {number(progress.labelled)} of {number(progress.examples)} labelled ·{" "}
        {count(desk.work.done.value.size, "example")} by you now
      </span>
    </div>
  );
}
