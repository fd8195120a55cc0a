/** A recording in the order of time: where does something begin and end? */
import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { count, number, percent } from "../app/format";
import { useLoad } from "../app/load";
import { place, setQuery } from "../app/router";
import { Button } from "../ui/button";
import { Empty, ErrorBox, Skeleton } from "../ui/parts";
import { Table } from "../ui/table";
import { toast } from "../ui/toast";
import { Band } from "./band";
import { Choices } from "./choices";
import { DeskFrame, type Doing, useDesk } from "./desk";
import { type Medium, mediumOf } from "./prefetch";
import { contentUrl, server, source } from "./server";
import { boundaries, type Cell, fill, fillStart, nextBoundary, nudge, type Paint, paint } from "./strip";
import type { Item, TimelineItem } from "./types";
import { focusStage, type Handlers } from "./use_keys";

/** Items a second. */
const SPEEDS = [1, 2, 4, 8, 16, 32];
/** Thumbnails on each side of the current one. */
const SIDE = 6;

export function Timeline({ task }: { task: string }) {
  const desk = useDesk(task, "timeline");
  const group = place.value.query.get("group");
  if (group === null) return <Groups desk={desk} />;
  return <Strip key={group} desk={desk} group={group} />;
}

const IDLE: Omit<Doing, "keys"> = {
  choose: () => undefined,
  chosen: () => [],
  onward: () => undefined,
  back: () => undefined,
};

function Groups({ desk }: { desk: ReturnType<typeof useDesk> }) {
  const groups = useLoad(`groups/${desk.task}`, (signal) => server.groups(desk.task, signal));
  return (
    <DeskFrame desk={desk} doing={{ ...IDLE, keys: {} }}>
      <section id="stage" tabIndex={-1} aria-label="Recordings">
        {groups.error && <ErrorBox error={groups.error} retry={groups.reload} />}
        {!groups.data && !groups.error && <Skeleton />}
        {groups.data?.length === 0 && <Empty title="No examples belong to a recording." />}
        {groups.data && groups.data.length > 0 && (
          <Table
            caption="Recordings"
            rows={groups.data}
            rowKey={(row) => row.group}
            columns={[
              {
                id: "group",
                title: "Recording",
                cell: (row) => <a href={groupLink(row.group)}>{row.group}</a>,
                by: (row) => row.group,
              },
              { id: "items", title: "Items", cell: (row) => number(row.items), end: true, by: (row) => row.items },
              {
                id: "labelled",
                title: "Labelled",
                cell: (row) => percent(row.items ? row.labelled / row.items : null),
                end: true,
                by: (row) => row.labelled / row.items,
              },
            ]}
          />
        )}
      </section>
    </DeskFrame>
  );
}

function groupLink(group: string): string {
  return `${place.value.path}?${new URLSearchParams({ group })}`;
}

/** As an item of the other screens, so that what is said of it can be undone like there. */
function asItem(one: TimelineItem, group: string): Item {
  const known = {
    id: one.id,
    state: one.state,
    label: one.label,
    position: one.position,
    taken_at: one.taken_at,
    group,
  };
  const none = {
    media_type: "",
    bytes: 0,
    device_id: "",
    reason: "",
    name: "",
    honest: false,
    why: "all" as const,
    version: "",
  };
  return { ...none, ...known, boxes: [], spans: [], parts: [], said: [], similar: [], suggestion: null };
}

function Strip({ desk, group }: { desk: ReturnType<typeof useDesk>; group: string }) {
  const { task, work } = desk;
  const loaded = useLoad(`timeline/${task}/${group}`, (signal) => server.timeline(task, group, signal));
  useEffect(() => {
    if (loaded.data) work.keep(loaded.data.map((one) => asItem(one, group)));
  }, [loaded.data, work, group]);
  // All of a recording are of one kind; the timeline itself does not say of which.
  const first = loaded.data?.[0]?.id;
  const sample = useLoad(`item/${first}`, async () => (first ? source.item(task, first) : null));
  const medium = mediumOf(sample.data?.media_type ?? "");
  if (loaded.error && !loaded.data) return <ErrorBox error={loaded.error} retry={loaded.reload} />;
  if (!loaded.data) return <Skeleton lines={6} />;
  if (loaded.data.length === 0)
    return <Empty title="This recording has no items.">{<a href={place.value.path}>All recordings</a>}</Empty>;
  return <Player {...{ desk, group, medium }} items={loaded.data} />;
}

function Player(props: {
  desk: ReturnType<typeof useDesk>;
  group: string;
  medium: Medium;
  items: readonly TimelineItem[];
}) {
  const { desk, group, items, medium } = props;
  const { task, work, labels } = desk;
  const first = items.findIndex((item) => item.id === place.peek().query.get("at"));
  const at = useSignal(Math.max(first, 0));
  const playing = useSignal(false);
  const speed = useSignal(4);
  /** A number key that is held: it paints from where it was pressed. */
  const brush = useSignal<{ label: string; from: number } | null>(null);
  const picture = medium === "picture";

  const said = work.items.value;
  const cells = useMemo(
    () =>
      items.map((item): Cell => {
        const now = said.get(item.id) ?? item;
        const label = now.state === "label" || now.state === "ruled" ? now.label : null;
        return { id: item.id, label, suggested: item.suggested };
      }),
    [items, said],
  );
  const shown = useMemo(() => {
    if (!brush.value) return cells;
    const painted = new Map(
      paint(cells, brush.value.from, at.value, brush.value.label).map((one) => [one.id, one.label]),
    );
    return cells.map((cell) => ({ ...cell, label: painted.get(cell.id) ?? cell.label }));
  }, [cells, brush.value, at.value]);

  const go = (index: number) => {
    at.value = Math.min(Math.max(index, 0), items.length - 1);
  };
  useEffect(() => {
    if (!playing.value) return;
    const timer = setInterval(() => {
      if (at.peek() >= items.length - 1) playing.value = false;
      else at.value = at.peek() + 1;
    }, 1000 / speed.value);
    return () => clearInterval(timer);
  }, [playing.value, speed.value, items.length, at, playing]);
  const id = items[at.value]?.id ?? "";
  useEffect(() => {
    const timer = setTimeout(() => setQuery({ at: id }), 400);
    for (let ahead = 1; picture && ahead <= 5; ahead++) {
      const next = items[at.peek() + ahead];
      if (next) new Image().src = contentUrl(task, next.id, "content");
    }
    return () => clearTimeout(timer);
  }, [id, items, picture, task, at]);

  const save = (changes: Paint, what: string) => {
    work.sayLabels(
      changes.map((change) => [change.id, change.label] as const),
      what,
    );
  };
  const fillHere = (label: string) => {
    const changes = fill(cells, at.value, label);
    save(changes, `${count(changes.length, "item")}: ${label}`);
    focusStage();
  };
  const last = () => cells[fillStart(cells, at.value) - 1]?.label ?? null;
  const fillLast = () => {
    const label = work.brush.value || last();
    if (label === null) return toast("Choose a label first: shift and its number fill up to here.");
    fillHere(label);
  };
  const begin = (label: string) => () => {
    brush.value = { label, from: at.value };
  };
  const end = () => {
    const painted = brush.value;
    brush.value = null;
    if (painted) save(paint(cells, painted.from, at.value, painted.label), painted.label);
  };
  const move = (direction: 1 | -1) => () => {
    const moved = nudge(cells, at.value, direction);
    if (!moved) return toast("There is no boundary between two labels here: N goes to the next one.");
    save(moved.paint, "boundary");
    go(moved.at);
  };
  const jump = (direction: 1 | -1) => () => {
    const next = nextBoundary(cells, at.value, direction);
    if (next === null) toast("No further boundary in this direction.");
    else go(next);
  };
  const faster = (by: 1 | -1) => () => {
    speed.value = SPEEDS[Math.min(Math.max(SPEEDS.indexOf(speed.value) + by, 0), SPEEDS.length - 1)] ?? 4;
  };
  const numbers = labels.slice(0, 9).map((label, index) => [index + 1, label] as const);
  const keys: Handlers = {
    ...Object.fromEntries(numbers.map(([index, label]) => [`label.${index}`, begin(label)])),
    ...Object.fromEntries(numbers.map(([index, label]) => [`fill.${index}`, () => fillHere(label)])),
    "label.none": begin(""),
    next: () => go(at.value + 1),
    previous: () => go(at.value - 1),
    play: () => (playing.value = !playing.value),
    none: () => (playing.value = false),
    accept: () => {
      const suggested = items[at.value]?.suggested;
      if (suggested) save([{ id, label: suggested }], "as suggested");
    },
    fill: fillLast,
    boundary: jump(1),
    boundary_previous: jump(-1),
    nudge_left: move(-1),
    nudge_right: move(1),
    slower: faster(-1),
    faster: faster(1),
  };
  const release: Handlers = Object.fromEntries(
    [0, ...numbers.map(([index]) => index)].map((n) => [n ? `label.${n}` : "label.none", end]),
  );
  const current = items[at.value];
  const cell = shown[at.value];
  const doing: Doing = {
    choose: (label) => save([{ id, label }], label),
    chosen: () => [id],
    onward: () => go(at.value + 1),
    back: ([example]) =>
      go(
        Math.max(
          items.findIndex((item) => item.id === example),
          0,
        ),
      ),
    keys,
    release,
  };
  const labelled = useComputed(
    () => items.filter((item) => (work.items.value.get(item.id) ?? item).state !== "none").length,
  );
  return (
    <DeskFrame
      desk={desk}
      doing={doing}
      aside={
        <span class="small">
          <a href={place.value.path}>All recordings</a> / {group} ·{" "}
          <span class="number">
            {number(labelled.value)} of {number(items.length)} labelled
          </span>
        </span>
      }
    >
      <section id="stage" class="strip" tabIndex={-1} aria-label={`Recording ${group}`}>
        {current && <Now {...{ task, item: current, medium }} />}
        <p class="timeline-now" role="status">
          <span class="number">
            {at.value + 1} / {items.length}
          </span>{" "}
          {current?.position != null && <span class="muted number">{number(current.position)} s</span>}{" "}
          <strong>{cell?.label ?? "not labelled"}</strong>{" "}
          {current?.suggested && (
            <span class="muted">
              suggested: {current.suggested} {percent(current.score)}
            </span>
          )}
        </p>
        <Band cells={shown} scores={items.map((item) => item.score)} labels={labels} at={at.value} onGo={go} />
        <Thumbnails {...{ task, items, cells: shown, labels }} at={at.value} onGo={go} />
        <div class="row">
          <Button pressed={playing.value} onClick={keys.play}>
            {playing.value ? "Pause" : "Play"}
          </Button>
          <Button onClick={faster(-1)}>Slower</Button>
          <span class="number">{speed.value} a second</span>
          <Button onClick={faster(1)}>Faster</Button>
          <Button onClick={jump(-1)}>Boundary before</Button>
          <Button onClick={jump(1)}>Next boundary</Button>
          <Button onClick={move(-1)}>Move it back</Button>
          <Button onClick={move(1)}>Move it on</Button>
          <Button kind="primary" onClick={fillLast}>
            Fill to here{work.brush.value ? `: ${work.brush.value}` : ""}
          </Button>
        </div>
        <Choices
          labels={labels}
          chosen={cell?.label}
          suggested={current?.suggested}
          onChoose={fillHere}
          onOther={desk.pick}
        />
        <p class="muted small">
          {count(boundaries(cells).length, "boundary", "boundaries")}. A click on a label, or shift and its number,
          fills up to here; hold a number while it plays, and it paints.
        </p>
      </section>
    </DeskFrame>
  );
}

function Now({ task, item, medium }: { task: string; item: TimelineItem; medium: Medium }) {
  if (medium === "picture")
    return <img class="shown" src={contentUrl(task, item.id, "content")} alt={`Item ${item.id}`} />;
  return (
    <div class="content-sound">
      <img class="log-mel" src={contentUrl(task, item.id, "thumbnail")} alt={`Item ${item.id}`} />
      {medium === "sound" && (
        // biome-ignore lint/a11y/useMediaCaption: a device's recording has none
        <audio controls preload="none" src={contentUrl(task, item.id, "wav")} />
      )}
    </div>
  );
}

function Thumbnails(props: {
  task: string;
  items: readonly TimelineItem[];
  cells: readonly Cell[];
  at: number;
  onGo: (index: number) => void;
}) {
  const list = useRef<HTMLDivElement>(null);
  const from = Math.max(Math.min(props.at - SIDE, props.items.length - 2 * SIDE - 1), 0);
  useEffect(() => {
    const current = list.current?.querySelector<HTMLElement>("[aria-current]");
    // Only sideways: the page itself stays where it is.
    if (current && list.current)
      list.current.scrollLeft = current.offsetLeft - list.current.clientWidth / 2 + current.clientWidth / 2;
  });
  return (
    <div ref={list} class="thumbnails">
      {props.items.slice(from, from + 2 * SIDE + 1).map((item, offset) => {
        const index = from + offset;
        return (
          <button
            key={item.id}
            type="button"
            tabIndex={-1}
            class="thumbnail"
            aria-label={`Item ${index + 1}, ${props.cells[index]?.label ?? "not labelled"}`}
            aria-current={index === props.at ? "true" : undefined}
            onClick={() => props.onGo(index)}
          >
            <img src={contentUrl(props.task, item.id, "thumbnail")} alt="" />
          </button>
        );
      })}
    </div>
  );
}
