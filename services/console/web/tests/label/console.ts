/** A console in memory, behind `fetch`: as much of the label API as the screens call, with events that resolve. */
import { vi } from "vitest";
import { session } from "../../src/app/api";
import type { Batch } from "../../src/label/outbox";
import type { Item, LabelEvent, Verdict } from "../../src/label/types";

export const LABELS = ["dog", "rain", "crying_baby", "clock", "helicopter"];
const NOTHING: Verdict = { state: "none", label: "", boxes: [], spans: [] };

export function item(id: string, more: Partial<Item> = {}): Item {
  return {
    ...{ id, media_type: "image/png", bytes: 10, taken_at: null, device_id: "pi-1", reason: "uncertain", group: "g" },
    ...{ position: null, name: `${id}.png`, honest: false, why: "margin", parts: [], version: "1.0.0", said: [] },
    suggestion: { label: "rain", score: 0.52, version: "1.0.0" },
    similar: [],
    ...NOTHING,
    ...more,
  };
}

let people = 0;

export class Console {
  readonly events: LabelEvent[] = [];
  readonly batches = new Map<string, Batch>();
  away = false;
  /** Answers what a summary waits for; null: it waits for nothing. */
  summaries: Promise<void> | null = null;
  /** Whether no summary can be made. */
  broken = false;
  csrf = "c";
  /** Who is signed in by the browser's cookie; empty: who was at first. */
  name = "";

  constructor(
    readonly items: Item[],
    readonly kind = "image",
  ) {
    vi.stubGlobal("fetch", (address: string, request: RequestInit) => this.answer(address, request));
    people += 1;
    session.value = { name: `person ${people}`, roles: ["labeller"], anonymous: false, csrf: "c", tasks: null };
  }

  /** What holds of an example: the last event that was not undone. */
  verdict(id: string): Verdict {
    const undone = new Set<string>();
    for (const event of [...this.events].reverse()) {
      if (event.kind === "undo" && !undone.has(event.id)) undone.add(event.undoes);
    }
    const last = this.events.findLast((one) => one.example === id && one.kind !== "undo" && !undone.has(one.id));
    if (!last) return NOTHING;
    if (last.kind === "skip") return { ...NOTHING, state: "skip" };
    const state = last.kind === "rule" ? "ruled" : "label";
    return { state, label: last.label, boxes: last.boxes, spans: last.spans };
  }

  labels(): Record<string, string> {
    const labelled = this.items.map((one) => [one.id, this.verdict(one.id)] as const);
    return Object.fromEntries(
      labelled.filter(([, now]) => now.state !== "none").map(([id, now]) => [id, now.label || now.state]),
    );
  }

  private async answer(address: string, request: RequestInit): Promise<Response> {
    if (this.away) throw new TypeError("Failed to fetch");
    const url = new URL(address, "http://console");
    const rest = url.pathname.replace("/api/v1/label/t", "");
    if (rest === "/summary") {
      await this.summaries;
      return this.broken ? failed() : json(this.summary());
    }
    if (url.pathname === "/api/v1/session")
      return json({ ...session.value, ...(this.name && { name: this.name }), csrf: this.csrf });
    const given = new Headers(request.headers).get("X-Pipit-CSRF");
    if (request.method === "POST" && given !== this.csrf)
      return json({ error: { code: "permission_denied", message: "not of this session" } }, 403);
    if (rest === "/events") return json(this.store(JSON.parse(String(request.body)) as Batch));
    if (rest === "/queue") return json(this.queue(url.searchParams));
    if (rest === "/timeline") return json({ groups: [], group: "g", items: this.timeline() });
    const one = this.items.find((found) => rest === `/items/${found.id}`);
    if (one) return json({ ...one, ...this.verdict(one.id) });
    return new Response(new ArrayBuffer(0), { status: 404 });
  }

  private store(batch: Batch) {
    const known = this.batches.has(batch.batch_id);
    if (!known) this.events.push(...batch.events);
    this.batches.set(batch.batch_id, batch);
    return { known, items: Object.fromEntries(batch.events.map((one) => [one.example, this.verdict(one.example)])) };
  }

  private queue(query: URLSearchParams) {
    const skip = new Set((query.get("skip") ?? "").split(","));
    const all = ["all", "mine"].includes(query.get("mode") ?? "");
    const left = this.items.filter((one) => all || this.verdict(one.id).state === "none");
    const items = left.filter((one) => !skip.has(one.id)).slice(0, Number(query.get("count")));
    return {
      items: items.map((one) => (one.state === "none" ? { ...one, ...this.verdict(one.id) } : one)),
      waiting: left.length,
    };
  }

  private timeline() {
    return this.items.map((one, index) => ({
      ...{ id: one.id, position: index, taken_at: null, score: 0.5, suggested: index < 4 ? "dog" : "rain" },
      ...this.verdict(one.id),
    }));
  }

  private summary() {
    const labelled = Object.keys(this.labels()).length;
    return {
      ...{ task: "t", input_kind: this.kind, people: [], advice: [] },
      labels: LABELS.map((label) => ({ label, count: 0, suggested: 0 })),
      progress: { examples: this.items.length, labelled, skipped: 0, waiting: 0, disagreements: 0, duplicates: 0 },
      honest: { examples: 0, labelled: 0, accuracy: null },
    };
  }
}

function failed(): Response {
  return json({ error: { code: "unavailable", message: "The registry is away; try again later." } }, 503);
}

function json(body: unknown, status = 200): Response {
  return new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
}
