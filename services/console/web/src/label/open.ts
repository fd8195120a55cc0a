/** Opens a person's outbox and their work on a task; both outlive a change of screen. */
import { effect } from "@preact/signals";
import { ApiError, loadSession, session } from "../app/api";
import { Outbox } from "./outbox";
import { server, source } from "./server";
import type { Mode } from "./types";
import { Work } from "./work";

let opened: { name: string; outbox: Outbox } | null = null;
let work: Work | null = null;

/** Of who is signed in. Another person's events stay in storage until that person is here again. */
export function openOutbox(name: string): Outbox {
  if (opened?.name === name) return opened.outbox;
  opened?.outbox.close();
  const outbox = new Outbox(
    name,
    (batch) => {
      if (session.peek()?.name !== name)
        return Promise.reject(new ApiError(401, "unauthenticated", `Sign in again as ${name}.`));
      return server.send(batch).catch(async (error: unknown) => {
        // Another tab has signed in anew since: its session is the browser's, and asks for its own token.
        const before = session.peek()?.csrf;
        if (!(error instanceof ApiError) || error.status !== 403) throw error;
        await loadSession();
        const now = session.peek();
        // Or it is another person's: this one's labels wait until they are here again.
        if (now?.name !== name) throw new ApiError(401, "unauthenticated", `Sign in again as ${name}.`);
        if (now.csrf === before) throw error;
        return server.send(batch);
      });
    },
    (batch, known) => work?.settle(batch, known),
  );
  opened = { name, outbox };
  work = null;
  return outbox;
}

// Who signs in again finds what was not saved on its way at once.
effect(() => {
  const name = session.value?.name;
  if (name && opened?.name === name && opened.outbox.trouble.peek() === "signed_out") opened.outbox.retry();
});

export function openWork(task: string, mode: Mode, label: string, name: string): Work {
  const outbox = openOutbox(name);
  if (work?.task === task && work.mode === mode && work.label === label) return work;
  work = new Work(task, mode, label, name, source, outbox);
  return work;
}
