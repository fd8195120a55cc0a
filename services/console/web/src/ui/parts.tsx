/** Small parts that every screen is made of. */
import type { ComponentChildren } from "preact";
import type { ApiError } from "../app/api";
import { percent } from "../app/format";
import { place, withQuery } from "../app/router";
import { Button } from "./button";

export type Level = "ok" | "warning" | "error" | "accent";

/** A screen with its heading, the only h1; what can be done stands beside it. */
export function Page(props: {
  title: string;
  above?: ComponentChildren;
  actions?: ComponentChildren;
  children: ComponentChildren;
}) {
  document.title = `${props.title} · Pipit`;
  return (
    <div class="page">
      <div class="page-head">
        <div>
          {props.above && <div class="crumbs">{props.above}</div>}
          <h1>{props.title}</h1>
        </div>
        {props.actions && <div class="row">{props.actions}</div>}
      </div>
      {props.children}
    </div>
  );
}

/** flush: the content reaches the frame, as a table does. */
export function Panel(props: {
  title: ComponentChildren;
  aside?: ComponentChildren;
  flush?: boolean;
  children: ComponentChildren;
}) {
  return (
    <section class="panel">
      <header>
        <h2>{props.title}</h2>
        {props.aside}
      </header>
      {props.flush ? props.children : <div class="body stack">{props.children}</div>}
    </section>
  );
}

export function Badge({ level, children }: { level?: Level | undefined; children: ComponentChildren }) {
  return <span class={`badge ${level ?? ""}`}>{children}</span>;
}

/** A number with its name over it. */
export function Figure({
  name,
  children,
  note,
}: {
  name: string;
  children: ComponentChildren;
  note?: ComponentChildren;
}) {
  return (
    <div class="figure">
      <span>{name}</span>
      <span>{children}</span>
      {note && <span class="small muted">{note}</span>}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <strong>{title}</strong>
      {children}
    </div>
  );
}

export function ErrorBox({ error, retry }: { error: ApiError; retry?: () => Promise<void> }) {
  return (
    <div class="error-box" role="alert">
      <span>{error.message}</span>
      {retry && <Button onClick={retry}>Try again</Button>}
    </div>
  );
}

/** Stands where something is about to be. */
export function Skeleton({ lines = 3, height = 18 }: { lines?: number; height?: number }) {
  return (
    <div class="stack" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, index) => (
        <span key={index} class="skeleton" style={{ height: `${height}px`, width: `${100 - (index % 3) * 14}%` }} />
      ))}
    </div>
  );
}

export function Spinner({ label = "Loading" }: { label?: string }) {
  return <span class="spinner" role="status" aria-label={label} />;
}

/** Parts of a screen, by the query's `name`; each is an address of its own. */
export function Tabs(props: {
  name: string;
  label: string;
  tabs: readonly { id: string; title: ComponentChildren }[];
  current: string;
}) {
  const first = props.tabs[0]?.id;
  return (
    <nav class="tabs" aria-label={props.label}>
      {props.tabs.map((tab) => (
        <a
          key={tab.id}
          href={withQuery({ [props.name]: tab.id === first ? null : tab.id })}
          aria-current={tab.id === props.current ? "page" : undefined}
        >
          {tab.title}
        </a>
      ))}
    </nav>
  );
}

/** Which tab the address names; the first where it names none of them. */
export function currentTab<Id extends string>(name: string, ids: readonly [Id, ...Id[]]): Id {
  const asked = place.value.query.get(name);
  return ids.find((id) => id === asked) ?? ids[0];
}

/** A share with its interval, between `from` and `to`. */
export function Interval(props: {
  value: number;
  low?: number | null;
  high?: number | null;
  from?: number;
  to?: number;
}) {
  const { value, low, high, from = 0, to = 1 } = props;
  const at = (number: number) => `${(Math.min(Math.max((number - from) / (to - from), 0), 1) * 100).toFixed(2)}%`;
  const known = low != null && high != null;
  return (
    <span class="interval">
      <span class="interval-track" aria-hidden="true">
        {known && <span class="interval-range" style={{ left: at(low), right: `calc(100% - ${at(high)})` }} />}
        <span class="interval-point" style={{ left: at(value) }} />
      </span>
      <span class="number">
        {percent(value, 1)}
        {known && <span class="muted small"> {`${(low * 100).toFixed(1)} to ${(high * 100).toFixed(1)}`}</span>}
      </span>
    </span>
  );
}

/** A part of a whole as a bar, with a mark where the limit is. What it says stands beside it. */
export function Bar({ share, limit, level }: { share: number; limit?: number; level?: Level }) {
  const width = (number: number) => `${Math.min(Math.max(number, 0), 1) * 100}%`;
  return (
    <span class={`bar ${level ?? ""}`} aria-hidden="true">
      <i style={{ width: width(share) }} />
      {limit !== undefined && <b style={{ left: width(limit) }} />}
    </span>
  );
}

export function Field(props: { label: string; hint?: string; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is among the children
    <label class="field">
      <span>{props.label}</span>
      {props.children}
      {props.hint && <small>{props.hint}</small>}
    </label>
  );
}
