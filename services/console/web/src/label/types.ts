/** What the label API speaks of; the shapes of `pipit_console/models/labels.py`. */

export interface Score {
  label: string;
  score: number;
}

/** Pixels of the picture, origin at its upper left. */
export interface Box {
  label: string;
  left: number;
  top: number;
  width: number;
  height: number;
}

/** Seconds from the start. */
export interface Span {
  label: string;
  start: number;
  end: number;
}

/** A part of an example with what the model said of it. box: left, top, width, height. span: start, end. */
export interface Part {
  box: number[];
  span: number[];
  label: string;
  unknown: boolean;
  scores: Score[];
}

export interface Said {
  by: string;
  event: string;
  kind: string;
  label: string;
  boxes: Box[];
  spans: Span[];
  at: string;
}

export type State = "none" | "label" | "skip" | "disagreement" | "ruled";

/** What counts of an example now. */
export interface Verdict {
  state: State;
  label: string;
  boxes: Box[];
  spans: Span[];
}

export interface Item extends Verdict {
  id: string;
  media_type: string;
  bytes: number;
  taken_at: string | null;
  device_id: string;
  reason: string;
  group: string;
  position: number | null;
  name: string;
  honest: boolean;
  why: string;
  parts: Part[];
  version: string;
  suggestion: { label: string; score: number; version: string } | null;
  said: Said[];
  similar: string[];
}

export type Kind = "label" | "boxes" | "spans" | "skip" | "undo" | "rule";

export interface LabelEvent {
  id: string;
  kind: Kind;
  example: string;
  label: string;
  boxes: Box[];
  spans: Span[];
  undoes: string;
  at: string;
  seconds: number;
  saw_suggestion: boolean;
}

export interface Known {
  known: boolean;
  items: Record<string, Verdict>;
}

export interface Queue {
  items: Item[];
  waiting: number;
}

export type Mode = "work" | "disagreements" | "suggested" | "mine" | "all";

export interface Progress {
  examples: number;
  labelled: number;
  skipped: number;
  waiting: number;
  disagreements: number;
  duplicates: number;
}

export interface Summary {
  task: string;
  input_kind: string;
  labels: { label: string; count: number; suggested: number }[];
  progress: Progress;
  honest: {
    examples: number;
    labelled: number;
    accuracy: { value: number; low: number; high: number; samples: number } | null;
  };
  people: { by: string; labels: number; median_seconds: number | null; agreement: number | null }[];
  advice: string[];
}

export interface TimelineItem {
  id: string;
  position: number | null;
  taken_at: string | null;
  score: number | null;
  label: string;
  state: State;
  /** What the model says. */
  suggested: string;
}

export interface Group {
  group: string;
  items: number;
  labelled: number;
  /** Seconds, or a number that orders them. */
  from: number;
  to: number;
}

export interface FrozenSet {
  name: string;
  digest: string;
  labels: Record<string, number>;
  held_out: number;
  left_out: Record<string, number>;
  command: string;
}

export interface LabelTask {
  task: string;
  input_kind: string;
  examples: number;
  labelled: number;
  waiting: number;
  disagreements: number;
}
