/** What the label screens speak of: the API's own types, by the names that are used here. */
import type { EventAsked } from "../app/openapi";

export type {
  Frozen,
  Item,
  ItemPart as Part,
  LabelledBox as Box,
  LabelledSpan as Span,
  LabelTask,
  Outcome as Verdict,
  Queue,
  Said,
  Stored as Known,
  Summary,
  TimelineGroup as Group,
  TimelineItem,
} from "../app/openapi";

export type LabelEvent = Required<EventAsked>;
export type Kind = EventAsked["kind"];
export type Mode = "work" | "disagreements" | "suggested" | "mine" | "all";
