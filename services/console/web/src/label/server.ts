/** The label API's calls, and where an example's content lies. */
import { api, url } from "../app/api";
import type { Batch } from "./outbox";
import type { Frozen, Group, Item, Known, LabelTask, Mode, Queue, Summary, TimelineItem } from "./types";
import type { Source } from "./work";

const of = (task: string, rest = ""): string => `/label/${encodeURIComponent(task)}${rest}`;
const COUNT = 20;

export const server = {
  tasks: (signal?: AbortSignal) => api.get<LabelTask[]>("/label", { signal }),
  summary: (task: string, signal?: AbortSignal) => api.get<Summary>(of(task, "/summary"), { signal }),
  send: (batch: Batch) =>
    api.post<Known>(of(batch.task, "/events"), { batch_id: batch.batch_id, events: batch.events }),
  addLabel: (task: string, label: string) => api.post<unknown>(of(task, "/labels"), { label }),
  groups: async (task: string, signal?: AbortSignal) =>
    (await api.get<{ groups: Group[] }>(of(task, "/timeline"), { signal })).groups,
  timeline: async (task: string, group: string, signal?: AbortSignal) =>
    (await api.get<{ items: TimelineItem[] }>(of(task, `/timeline?${new URLSearchParams({ group })}`), { signal }))
      .items,
  freeze: (task: string, name: string) => api.post<Frozen>(of(task, "/freeze"), { name }),
  import: (task: string, format: string, file: File) =>
    api.post<{ examples: number; labelled: number; problems: string[] }>(of(task, `/import?format=${format}`), file),
  exportUrl: (task: string, format: string) => url(of(task, `/export?format=${format}`)),
};

export const source: Source = {
  queue: (task: string, mode: Mode, label: string, skip: string[]) => {
    const query = new URLSearchParams({ mode, count: String(COUNT) });
    if (skip.length) query.set("skip", skip.join(","));
    if (label) query.set("label", label);
    return api.get<Queue>(of(task, `/queue?${query}`));
  },
  item: (task: string, id: string) => api.get<Item>(of(task, `/items/${encodeURIComponent(id)}`)),
};

export type Part = "content" | "thumbnail" | "log_mel" | "wav";

export function contentUrl(task: string, id: string, part: Part): string {
  return url(of(task, `/items/${encodeURIComponent(id)}/${part}`));
}
