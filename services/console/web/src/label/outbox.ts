/**
 * Label events on their way to the server: kept in the browser's storage until it has them.
 *
 *     add --> stored --> sending --> saved (removed from storage)
 *               ^           |--> no network, 5xx, 429: waits 1, 2, 4 ... 30 seconds, and tries again
 *               |           |--> 401: waits until the same person signs in
 *               |           `--> any other answer: refused; kept and shown, the others go on
 *               `-- a reload, another tab
 *
 * A batch never changes after it is stored, and keeps its id, so that sending it once more does no harm: the server
 * knows it already. Each batch has a storage key of its own, so that two tabs do not overwrite each other.
 */
import { computed, signal } from "@preact/signals";
import { uuid } from "./ids";
import type { Known, LabelEvent } from "./types";

export interface Batch {
  batch_id: string;
  task: string;
  events: LabelEvent[];
  /** Orders the batches of one browser. */
  order: number;
  /** Why the server does not take it; empty: it was not asked yet, or did not answer. */
  refused: string;
}

export type Trouble = "" | "offline" | "signed_out";

const LONGEST_WAIT_MS = 30_000;

/** Of an error of the API client; 0: no answer came. */
function statusOf(error: unknown): number {
  const status = (error as { status?: unknown } | null)?.status;
  return typeof status === "number" ? status : 0;
}

export class Outbox {
  readonly batches = signal<Batch[]>([]);
  readonly trouble = signal<Trouble>("");
  /** Set when the browser's storage does not take events: they are then in memory alone. */
  readonly storageFull = signal(false);
  readonly pending = computed(() => count(this.batches.value.filter((batch) => !batch.refused)));
  readonly refused = computed(() => this.batches.value.filter((batch) => batch.refused));

  private sending = false;
  private failures = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private lastOrder = 0;
  private readonly prefix: string;
  private readonly listeners = new AbortController();

  /** name: who is signed in; only their own events are read and sent. saved: called with what the server made of it. */
  constructor(
    name: string,
    private readonly send: (batch: Batch) => Promise<Known>,
    private readonly saved: (batch: Batch, known: Known) => void,
    private readonly storage: Storage = localStorage,
  ) {
    // Without points: "ada" is the begin of "ada.lovelace", whose events are not hers.
    this.prefix = `pipit.outbox.${encodeURIComponent(name).replaceAll(".", "%2E")}.`;
    const signal = this.listeners.signal;
    addEventListener("online", () => this.retry(), { signal });
    addEventListener("focus", () => this.retry(), { signal });
    addEventListener("storage", (event) => this.elsewhere(event), { signal });
    addEventListener("beforeunload", (event) => this.leaving(event), { signal });
    this.retry();
  }

  /** Keeps the events of one act as one batch, and sends it as soon as possible. */
  add(task: string, events: LabelEvent[]): Batch {
    this.lastOrder = Math.max(this.lastOrder + 1, Date.now() * 1000);
    const batch: Batch = { batch_id: uuid(), task, events, order: this.lastOrder, refused: "" };
    this.store(batch);
    this.batches.value = [...this.batches.value, batch];
    if (this.trouble.value === "") void this.pump();
    return batch;
  }

  /** Whether something that was said of the example is not saved yet. */
  holds(example: string): boolean {
    return this.batches.value.some((batch) => batch.events.some((event) => event.example === example));
  }

  /** Reads the storage again and tries at once. refusedToo: also what the server did not take before. */
  retry(refusedToo = false): void {
    clearTimeout(this.timer);
    this.failures = 0;
    this.trouble.value = "";
    const known = new Map(this.batches.value.map((batch) => [batch.batch_id, batch]));
    for (const batch of this.stored()) if (!known.has(batch.batch_id)) known.set(batch.batch_id, batch);
    const all = [...known.values()].sort((a, b) => a.order - b.order);
    // The clock may have been set back since.
    this.lastOrder = Math.max(this.lastOrder, all.at(-1)?.order ?? 0);
    this.batches.value = refusedToo ? all.map((batch) => ({ ...batch, refused: "" })) : all;
    if (refusedToo) for (const batch of all) this.store({ ...batch, refused: "" });
    void this.pump();
  }

  /** Forgets a batch that the server does not take. */
  drop(batch: Batch): void {
    this.storage.removeItem(this.key(batch));
    this.batches.value = this.batches.value.filter((other) => other.batch_id !== batch.batch_id);
  }

  /** Stops sending; what is not saved stays in storage. */
  close(): void {
    clearTimeout(this.timer);
    this.listeners.abort();
    this.trouble.value = "signed_out";
  }

  private async pump(): Promise<void> {
    if (this.sending) return;
    this.sending = true;
    try {
      for (let batch = this.next(); batch; batch = this.next()) {
        try {
          const known = await this.send(batch);
          this.drop(batch);
          this.failures = 0;
          this.trouble.value = this.trouble.value === "offline" ? "" : this.trouble.value;
          this.saved(batch, known);
        } catch (error) {
          if (!this.handle(batch, error)) return;
        }
      }
    } finally {
      this.sending = false;
    }
  }

  private next(): Batch | undefined {
    return this.trouble.value === "signed_out" ? undefined : this.batches.value.find((batch) => !batch.refused);
  }

  /** Whether the next batch may be tried now. */
  private handle(batch: Batch, error: unknown): boolean {
    const status = statusOf(error);
    if (status === 401) {
      this.trouble.value = "signed_out";
      return false;
    }
    if (status >= 400 && status < 500 && status !== 408 && status !== 429) {
      const refused = { ...batch, refused: error instanceof Error ? error.message : String(error) };
      this.store(refused);
      this.batches.value = this.batches.value.map((other) => (other.batch_id === batch.batch_id ? refused : other));
      return true;
    }
    this.trouble.value = "offline";
    const wait = Math.min(LONGEST_WAIT_MS, 1000 * 2 ** this.failures) * (0.75 + Math.random() / 4);
    this.failures += 1;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.pump(), wait);
    return false;
  }

  /** The browser then asks whether to leave. */
  private leaving(event: Event): void {
    if (this.storageFull.value && this.pending.value > 0) event.preventDefault();
  }

  /** Another tab has sent a batch that both had read. */
  private elsewhere(event: StorageEvent): void {
    if (!event.key?.startsWith(this.prefix) || event.newValue !== null) return;
    this.batches.value = this.batches.value.filter((batch) => this.key(batch) !== event.key);
  }

  private key(batch: Batch): string {
    return this.prefix + batch.batch_id;
  }

  private store(batch: Batch): void {
    try {
      this.storage.setItem(this.key(batch), JSON.stringify(batch));
    } catch {
      this.storageFull.value = true;
    }
  }

  private stored(): Batch[] {
    const found: Batch[] = [];
    for (let index = 0; index < this.storage.length; index++) {
      const key = this.storage.key(index);
      if (!key?.startsWith(this.prefix)) continue;
      try {
        found.push(JSON.parse(this.storage.getItem(key) ?? "") as Batch);
      } catch {
        // Another tab has just sent it, or the browser broke it: the others are there all the same.
      }
    }
    return found;
  }
}

function count(batches: Batch[]): number {
  return batches.reduce((sum, batch) => sum + batch.events.length, 0);
}
