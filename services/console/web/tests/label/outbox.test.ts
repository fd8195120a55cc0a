import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ApiError } from "../../src/app/api";
import { uuid } from "../../src/label/ids";
import { type Batch, Outbox } from "../../src/label/outbox";
import type { Known, LabelEvent } from "../../src/label/types";

const event = (example: string): LabelEvent => ({
  ...{ id: uuid(), kind: "label", example, label: "dog", boxes: [], spans: [], undoes: "" },
  ...{ at: "2026-11-29T12:00:00.000Z", seconds: 1, saw_suggestion: true },
});

/** A server that keeps each batch once, and answers as it is told. */
class Server {
  readonly kept = new Map<string, Batch>();
  calls = 0;
  fail: (() => Error | null) | null = null;
  /** Keeps the batch, and loses the answer on its way. */
  loseAnswers = false;

  readonly send = async (batch: Batch): Promise<Known> => {
    this.calls += 1;
    const failure = this.fail?.();
    if (failure) throw failure;
    const known = this.kept.has(batch.batch_id);
    this.kept.set(batch.batch_id, batch);
    if (this.loseAnswers) throw new ApiError(0, "unreachable", "no answer");
    return { known, items: {} };
  };

  get examples(): string[] {
    return [...this.kept.values()].flatMap((batch) => batch.events.map((one) => one.example));
  }
}

const full: Storage = {
  ...{ length: 0, clear: () => undefined, key: () => null, getItem: () => null, removeItem: () => undefined },
  setItem: () => {
    throw new DOMException("full", "QuotaExceededError");
  },
};

let open: Outbox[] = [];
const openBox = (server: Server, name = "ada"): Outbox => {
  const box = new Outbox(name, server.send, () => undefined);
  open.push(box);
  return box;
};
const settled = () => vi.advanceTimersByTimeAsync(0);

beforeEach(() => {
  vi.useFakeTimers();
  localStorage.clear();
});
afterEach(() => {
  for (const box of open) box.close();
  open = [];
  vi.useRealTimers();
});

test("what is added is sent at once, and then no longer stored", async () => {
  const server = new Server();
  const box = openBox(server);
  box.add("t", [event("a"), event("b")]);
  expect(box.pending.value).toBe(2);
  expect(localStorage.length).toBe(1);
  await settled();
  expect(server.examples).toEqual(["a", "b"]);
  expect(box.pending.value).toBe(0);
  expect(localStorage.length).toBe(0);
});

test("without a network it waits longer each time, and sends all in order when the network is back", async () => {
  const server = new Server();
  server.fail = () => new ApiError(0, "unreachable", "no answer");
  const box = openBox(server);
  box.add("t", [event("a")]);
  box.add("t", [event("b")]);
  await settled();
  expect(box.trouble.value).toBe("offline");
  expect(server.calls).toBe(1);
  await vi.advanceTimersByTimeAsync(1000);
  expect(server.calls).toBe(2);
  await vi.advanceTimersByTimeAsync(1000);
  expect(server.calls).toBe(2);
  await vi.advanceTimersByTimeAsync(1000);
  expect(server.calls).toBe(3);
  server.fail = null;
  dispatchEvent(new Event("online"));
  await settled();
  expect(server.examples).toEqual(["a", "b"]);
  expect(box.trouble.value).toBe("");
});

test("an answer that gets lost doubles nothing: the same batch comes again", async () => {
  const server = new Server();
  server.loseAnswers = true;
  const box = openBox(server);
  box.add("t", [event("a")]);
  await settled();
  expect(box.pending.value).toBe(1);
  server.loseAnswers = false;
  await vi.advanceTimersByTimeAsync(1000);
  expect(server.calls).toBe(2);
  expect(server.kept.size).toBe(1);
  expect(box.pending.value).toBe(0);
});

test("a reload finds what was not sent", async () => {
  const away = new Server();
  away.fail = () => new ApiError(503, "unavailable", "away");
  openBox(away).add("t", [event("a")]);
  await settled();
  const server = new Server();
  openBox(server);
  await settled();
  expect(server.examples).toEqual(["a"]);
  expect(localStorage.length).toBe(0);
});

test("who is signed out keeps their events till they are here again; nobody else sends them", async () => {
  const server = new Server();
  server.fail = () => new ApiError(401, "unauthenticated", "sign in");
  const box = openBox(server);
  box.add("t", [event("a")]);
  await settled();
  expect(box.trouble.value).toBe("signed_out");
  await vi.advanceTimersByTimeAsync(120_000);
  expect(server.calls).toBe(1);
  const other = new Server();
  openBox(other, "grace");
  await settled();
  expect(other.calls).toBe(0);
  server.fail = null;
  box.retry();
  await settled();
  expect(server.examples).toEqual(["a"]);
});

test("what the server refuses is kept and said, and does not hold up the rest", async () => {
  const server = new Server();
  server.fail = () => (server.calls === 1 ? new ApiError(403, "permission_denied", "not a labeller") : null);
  const box = openBox(server);
  const refused = box.add("t", [event("a")]);
  box.add("t", [event("b")]);
  await settled();
  expect(server.examples).toEqual(["b"]);
  expect(box.refused.value.map((batch) => [batch.batch_id, batch.refused])).toEqual([
    [refused.batch_id, "not a labeller"],
  ]);
  expect(box.pending.value).toBe(0);
  expect(localStorage.length).toBe(1);
  box.retry(true);
  await settled();
  expect(server.examples).toEqual(["b", "a"]);
  expect(box.refused.value).toEqual([]);
});

test("a full storage loses nothing while the page is open, and says so", async () => {
  const server = new Server();
  const box = new Outbox("ada", server.send, () => undefined, full);
  open.push(box);
  box.add("t", [event("a")]);
  expect(box.storageFull.value).toBe(true);
  await settled();
  expect(server.examples).toEqual(["a"]);
});

test("any course of failures, lost answers and reloads stores each event once", async () => {
  // A linear congruential generator: the same course in every run.
  let seed = 7;
  const random = () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return seed / 2_147_483_648;
  };
  const server = new Server();
  const expected: string[] = [];
  let box = openBox(server);
  for (let step = 0; step < 200; step++) {
    const luck = random();
    server.loseAnswers = luck < 0.3;
    server.fail = luck > 0.7 ? () => new ApiError(luck > 0.85 ? 0 : 503, "unavailable", "away") : null;
    expected.push(`e${step}`);
    box.add("t", [event(`e${step}`)]);
    if (random() < 0.1) {
      box.close();
      box = openBox(server);
    }
    await vi.advanceTimersByTimeAsync(random() * 3000);
  }
  server.fail = null;
  server.loseAnswers = false;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(box.pending.value).toBe(0);
  expect(server.examples.sort()).toEqual(expected.sort());
});

test("who is called like the begin of another's name sends nothing of theirs", async () => {
  const away = new Server();
  away.fail = () => new ApiError(0, "unreachable", "no answer");
  openBox(away, "ada.lovelace").add("t", [event("a")]);
  await settled();
  const server = new Server();
  const box = openBox(server, "ada");
  await settled();
  expect(server.calls).toBe(0);
  expect(box.pending.value).toBe(0);
});

test("what was not sent keeps its order when the clock is set back before a reload", async () => {
  const away = new Server();
  away.fail = () => new ApiError(0, "unreachable", "no answer");
  const box = openBox(away);
  box.add("t", [event("a")]);
  await settled();
  box.close();
  vi.setSystemTime(Date.now() - 3_600_000);
  const later = openBox(away);
  later.add("t", [event("b")]);
  await settled();
  later.close();
  const server = new Server();
  openBox(server);
  await settled();
  expect(server.examples).toEqual(["a", "b"]);
});

test("an entry that is broken does not keep the others from the server", async () => {
  localStorage.setItem("pipit.outbox.ada.broken", "{");
  const server = new Server();
  const box = openBox(server);
  box.add("t", [event("a")]);
  await settled();
  expect(server.examples).toEqual(["a"]);
});

test("who leaves the page is asked first where what they said is nowhere but in it", async () => {
  const leave = () => {
    const event = new Event("beforeunload", { cancelable: true });
    dispatchEvent(event);
    return event.defaultPrevented;
  };
  const server = new Server();
  server.fail = () => new ApiError(0, "unreachable", "no answer");
  const box = new Outbox("ada", server.send, () => undefined, full);
  open.push(box);
  expect(leave()).toBe(false);
  box.add("t", [event("a")]);
  expect(leave()).toBe(true);
  await settled();
  server.fail = null;
  box.retry();
  await settled();
  expect(leave()).toBe(false);
});
