/**
 * One person's work on one task: the line of items, what counts of each, and what they say. Nothing here waits for
 * the network: what is said counts at once, and the outbox brings it to the server.
 */
import { batch, computed, signal } from "@preact/signals";
import { type Act, type Change, History } from "./history";
import { uuid } from "./ids";
import type { Batch, Outbox } from "./outbox";
import type { Item, Kind, Known, LabelEvent, Mode, Queue, Verdict } from "./types";

/** Events a batch: the server takes 1,000. */
const BATCH = 500;
/** Ids that a queue's address may name, so that it stays below 64 KiB. */
const LONGEST_SKIP = 1000;
/** Away from the desk, not thinking: longer times are not counted. */
const LONGEST_SECONDS = 300;

export interface Source {
  queue(task: string, mode: Mode, label: string, skip: string[]): Promise<Queue>;
  item(task: string, id: string): Promise<Item>;
}

export function verdictOf(item: Verdict): Verdict {
  return { state: item.state, label: item.label, boxes: item.boxes, spans: item.spans };
}

/** What a model says of a whole example: a suggestion, or else the answer that the device gave. */
export function suggestionOf(item: Item | undefined): Item["suggestion"] {
  if (!item || item.suggestion) return item?.suggestion ?? null;
  const best = item.parts
    .flatMap((part) => (part.scores[0] ? [part.scores[0]] : []))
    .sort((a, b) => b.score - a.score)[0];
  return best ? { ...best, version: item.version } : null;
}

/** Whether the server leaves out what models say, until this person has said it. */
export function isBlind(item: Item | undefined): boolean {
  return item?.honest === true && item.said.length === 0 && suggestionOf(item) === null;
}

export interface Saying {
  kind: Exclude<Kind, "undo">;
  example: string;
  label?: string;
  boxes?: Verdict["boxes"];
  spans?: Verdict["spans"];
}

export class Work {
  readonly items = signal<ReadonlyMap<string, Item>>(new Map());
  readonly line = signal<readonly string[]>([]);
  readonly at = signal(0);
  readonly waiting = signal<number | null>(null);
  readonly loading = signal(false);
  readonly error = signal("");
  readonly ended = signal(false);
  readonly current = computed(() => this.items.value.get(this.line.value[this.at.value] ?? ""));
  /** Label that was chosen last. */
  readonly brush = signal("");
  /** Examples that this person decided since the page was opened. */
  readonly done = signal<ReadonlySet<string>>(new Set());
  readonly history: History;
  /** Items that should wait in the line; fewer, and more are asked for. */
  ahead = 10;
  private shown = performance.now();
  private asked = 0;
  /** When something was last said here, by example. */
  private readonly said = new Map<string, number>();

  constructor(
    readonly task: string,
    readonly mode: Mode,
    readonly label: string,
    name: string,
    readonly source: Source,
    private readonly outbox: Outbox,
  ) {
    this.history = new History(`pipit.history.${encodeURIComponent(name)}.${task}`);
  }

  /** Fills the line; first: an example to begin with. */
  async start(first = ""): Promise<void> {
    this.ended.value = false;
    if (first) await this.visit(first);
    await this.more();
  }

  /** Asks for more items where few are left ahead. Errors are shown, and the line goes on without. */
  async more(): Promise<void> {
    if (this.loading.peek() || this.ended.value || this.line.value.length - this.at.value > this.ahead) return;
    const ask = ++this.asked;
    this.loading.value = true;
    try {
      const known = new Set(this.line.value);
      const queue = await this.source.queue(this.task, this.mode, this.label, this.seen());
      if (ask !== this.asked) return;
      const fresh = queue.items.filter((item) => !known.has(item.id));
      batch(() => {
        this.keep(fresh);
        this.line.value = [...this.line.value, ...fresh.map((item) => item.id)];
        this.waiting.value = queue.waiting;
        this.ended.value = fresh.length === 0;
        this.error.value = "";
      });
    } catch (error) {
      this.error.value = error instanceof Error ? error.message : String(error);
    } finally {
      this.loading.value = false;
    }
  }

  /** Goes forward or back in the line. */
  step(by: number): void {
    const to = Math.min(Math.max(this.at.value + by, 0), Math.max(this.line.value.length, 0));
    this.go(to);
  }

  go(index: number): void {
    this.at.value = index;
    this.shown = performance.now();
    void this.more();
  }

  /** Shows an example, which is put into the line where it is not in it. */
  async visit(id: string): Promise<void> {
    const there = this.line.value.indexOf(id);
    if (there >= 0) return this.go(there);
    try {
      const item = await this.source.item(this.task, id);
      batch(() => {
        this.keep([item]);
        this.line.value = [...this.line.value.slice(0, this.at.value), id, ...this.line.value.slice(this.at.value)];
        this.go(this.at.value);
      });
    } catch (error) {
      this.error.value = error instanceof Error ? error.message : String(error);
    }
  }

  keep(items: Item[]): void {
    const all = new Map(this.items.value);
    for (const item of items) all.set(item.id, item);
    this.items.value = all;
  }

  /** One act: each saying is an event, and all of them are undone at once. */
  say(sayings: readonly Saying[], what: string): void {
    if (sayings.length === 0) return;
    const seconds = Math.min((performance.now() - this.shown) / 1000, LONGEST_SECONDS) / sayings.length;
    const events: LabelEvent[] = [];
    const changes: Change[] = [];
    for (const saying of sayings) {
      const item = this.items.value.get(saying.example);
      const before: Verdict = item ? verdictOf(item) : { state: "none", label: "", boxes: [], spans: [] };
      const event = eventOf(saying.kind, saying, seconds, suggestionOf(item) !== null);
      event.at = this.after(event, item);
      const after = stateAfter(event);
      events.push(event);
      changes.push({ example: saying.example, event: event.id, undo: "", before, after });
    }
    batch(() => {
      const label = sayings[0]?.label;
      if (label) this.brush.value = label;
      this.history.push({ what, changes });
      this.show(changes, "after");
      this.send(events);
      this.shown = performance.now();
    });
  }

  /** When an event was said: after all that was said of its example, also by a clock that goes before this one. */
  private after(event: LabelEvent, item: Item | undefined): string {
    const heard = (item?.said ?? []).map((one) => Date.parse(one.at)).filter(Number.isFinite);
    const latest = Math.max(this.said.get(event.example) ?? 0, ...heard);
    const at = Math.max(Date.parse(event.at), latest + 1);
    this.said.set(event.example, at);
    return new Date(at).toISOString();
  }

  /** Says what whole examples are; boxes and spans that one has stay, as a person's last word is all that counts. */
  sayLabels(labels: readonly (readonly [example: string, label: string])[], what: string): void {
    const sayings = labels.map(([example, label]): Saying => {
      const item = this.items.value.get(example);
      const [boxes, spans] = [item?.boxes ?? [], item?.spans ?? []];
      const kind = this.rules(item) ? "rule" : boxes.length ? "boxes" : spans.length ? "spans" : "label";
      return { kind, example, label, boxes, spans };
    });
    this.say(sayings, what);
  }

  /** Says what the model suggests. Returns how many of the examples have no suggestion. */
  accept(examples: readonly string[]): number {
    const labels = examples.flatMap((id) => {
      const suggestion = suggestionOf(this.items.value.get(id));
      return suggestion ? [[id, suggestion.label] as const] : [];
    });
    this.sayLabels(labels, "as suggested");
    return examples.length - labels.length;
  }

  skip(examples: readonly string[]): void {
    this.say(
      examples.map((example) => ({ kind: "skip", example })),
      "skipped",
    );
  }

  /** Whether a label ends a disagreement here. */
  rules(item: Item | undefined): boolean {
    return item !== undefined && (this.mode === "disagreements" || item.state === "disagreement");
  }

  /** The examples that are as they were before; null: nothing is left to undo. */
  undo(): string[] | null {
    const act = this.history.undo(uuid);
    if (!act) return null;
    const events = [...act.changes].reverse().map((change) => undoOf(change.example, change.event, change.undo));
    return this.replay(act, events, "before");
  }

  redo(): string[] | null {
    const act = this.history.redo();
    if (!act) return null;
    return this.replay(
      act,
      act.changes.map((change) => undoOf(change.example, change.undo, uuid())),
      "after",
    );
  }

  /** The server's answer to a batch: counts where nothing newer of the example is on its way. */
  settle(sent: Batch, known: Known): void {
    if (sent.task !== this.task) return;
    const all = new Map(this.items.value);
    for (const [id, verdict] of Object.entries(known.items)) {
      const item = all.get(id);
      if (item && !this.outbox.holds(id)) all.set(id, { ...item, ...verdict });
    }
    this.items.value = all;
  }

  private replay(act: Act, events: LabelEvent[], which: "before" | "after"): string[] {
    batch(() => {
      this.show(act.changes, which);
      this.send(events);
    });
    return act.changes.map((change) => change.example);
  }

  private send(events: LabelEvent[]): void {
    for (let from = 0; from < events.length; from += BATCH) {
      this.outbox.add(this.task, events.slice(from, from + BATCH));
    }
  }

  /** What the server need not send again: it is in the line, and would still be in the server's queue. */
  private seen(): string[] {
    const left = ["mine", "all"].includes(this.mode)
      ? this.line.value
      : this.line.value.filter((id) => !this.done.value.has(id) || this.outbox.holds(id));
    return left.slice(-LONGEST_SKIP);
  }

  private show(changes: Change[], which: "before" | "after"): void {
    const all = new Map(this.items.value);
    const done = new Set(this.done.value);
    for (const change of changes) {
      const item = all.get(change.example);
      if (item) all.set(change.example, { ...item, ...change[which] });
      if (change[which].state === "none") done.delete(change.example);
      else done.add(change.example);
    }
    this.items.value = all;
    this.done.value = done;
  }
}

let last = 0;

/** Later than every moment it gave before: what a person said last is what counts. */
function now(): string {
  last = Math.max(last + 1, Date.now());
  return new Date(last).toISOString();
}

function eventOf(kind: Kind, saying: Omit<Saying, "kind">, seconds: number, saw: boolean): LabelEvent {
  return {
    id: uuid(),
    kind,
    example: saying.example,
    label: saying.label ?? "",
    boxes: saying.boxes ?? [],
    spans: saying.spans ?? [],
    undoes: "",
    at: now(),
    seconds: Math.round(seconds * 1000) / 1000,
    saw_suggestion: saw,
  };
}

function undoOf(example: string, undoes: string, id: string): LabelEvent {
  return { ...eventOf("undo", { example }, 0, false), id, undoes };
}

function stateAfter(event: LabelEvent): Verdict {
  if (event.kind === "skip") return { state: "skip", label: "", boxes: [], spans: [] };
  const { label, boxes, spans } = event;
  return { state: event.kind === "rule" ? "ruled" : "label", label, boxes, spans };
}
