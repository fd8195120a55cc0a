/** Many examples at once: select, and say of all of them what they are. */
import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { count } from "../app/format";
import { navigate, place, setQuery } from "../app/router";
import { Button } from "../ui/button";
import { Choices, labelColour } from "./choices";
import { DeskFrame, type Doing, screenPath, useDesk } from "./desk";
import { Nothing } from "./focus";
import { collapse, extend, move, NOTHING, type Selection, targets, toggle } from "./selection";
import { contentUrl } from "./server";
import type { Item } from "./types";
import { focusStage } from "./use_keys";
import { isBlind, suggestionOf } from "./work";

const PAGE = 40;

export function Grid({ task }: { task: string }) {
  const desk = useDesk(task, "grid");
  const { work, labels } = desk;
  const selection = useSignal<Selection>(NOTHING);
  const list = useRef<HTMLDivElement>(null);
  const collapsed = place.value.query.get("alike") !== "apart";
  work.ahead = PAGE;
  const line = work.line.value;
  const from = work.at.value;
  const cells = useMemo(() => {
    const ids = line.slice(from, from + PAGE);
    const similar = (id: string) => (collapsed ? (work.items.peek().get(id)?.similar ?? []) : []);
    return collapse(ids, similar);
  }, [line, from, collapsed, work]);
  const ids = cells.map((cell) => cell.id);
  useEffect(() => void work.more(), [work, line]);
  useEffect(() => {
    document.getElementById(`cell-${selection.value.at}`)?.scrollIntoView({ block: "nearest" });
  }, [selection.value.at]);

  const columns = () => {
    const style = list.current && getComputedStyle(list.current).gridTemplateColumns;
    return Math.max(style ? style.split(" ").length : 1, 1);
  };
  const change = (by: (selection: Selection) => Selection) => {
    selection.value = by(selection.value);
  };
  const grow = (by: number) => () => change((now) => extend(now, ids, now.at + by));
  const go = (by: number) => () => change((now) => move(now, ids, by));
  const chosen = () => {
    const wanted = new Set(targets(selection.value, ids));
    return cells.filter((cell) => wanted.has(cell.id)).flatMap((cell) => [cell.id, ...cell.alike]);
  };
  const onward = () => {
    const decided = (id: string) => work.items.value.get(id)?.state !== "none";
    if (work.mode === "work" && ids.length > 0 && ids.every(decided)) return nextPage();
    const next = ids.findIndex((id, index) => index >= selection.value.at && !decided(id));
    selection.value = { chosen: new Set(), at: next < 0 ? selection.value.at : next, anchor: Math.max(next, 0) };
    focusStage();
  };
  const nextPage = () => {
    work.go(Math.min(from + PAGE, line.length));
    selection.value = NOTHING;
    focusStage();
  };
  const choose = (label: string) => {
    const examples = chosen();
    work.sayLabels(
      examples.map((id) => [id, label] as const),
      label,
    );
    if (examples.length) onward();
  };
  const doing: Doing = {
    choose,
    chosen,
    onward,
    back: ([example]) => {
      const index = work.line.value.indexOf(example ?? "");
      if (index >= 0 && (index < from || index >= from + PAGE)) work.go(Math.max(index - (index % PAGE), 0));
      const at = ids.indexOf(example ?? "");
      if (at >= 0) selection.value = { chosen: new Set(), at, anchor: at };
    },
    keys: {
      next: go(1),
      previous: go(-1),
      down: () => go(columns())(),
      up: () => go(-columns())(),
      grow_next: grow(1),
      grow_previous: grow(-1),
      grow_down: () => grow(columns())(),
      grow_up: () => grow(-columns())(),
      select: () => change((now) => toggle(now, ids, now.at)),
      all: () => change((now) => ({ ...now, chosen: new Set(ids) })),
      none: () => change((now) => ({ ...now, chosen: new Set() })),
      open: () => navigate(screenPath(task, "focus", { at: ids[selection.value.at] ?? "" })),
    },
  };
  const many = selection.value.chosen.size;
  return (
    <DeskFrame
      desk={desk}
      doing={doing}
      aside={
        <label class="check small">
          <input
            type="checkbox"
            checked={collapsed}
            onChange={(event) => {
              setQuery({ alike: event.currentTarget.checked ? null : "apart" });
              focusStage();
            }}
          />
          Near-duplicates as one
        </label>
      }
    >
      <div class="grid-bar">
        <span class="small">
          {many
            ? `${count(many, "selected", "selected")}: a label goes to all of them`
            : "A label goes to the framed one"}
        </span>
        <Choices labels={labels} onChoose={choose} onOther={desk.pick} />
      </div>
      <div
        id="stage"
        ref={list}
        class="cells"
        role="listbox"
        aria-multiselectable="true"
        aria-label="Examples"
        aria-activedescendant={cells.length ? `cell-${selection.value.at}` : undefined}
        tabIndex={0}
      >
        {cells.map((cell, index) => {
          const item = work.items.value.get(cell.id);
          return (
            item && (
              <Cell
                key={cell.id}
                {...{ task, item, index, labels }}
                alike={cell.alike.length}
                at={index === selection.value.at}
                dim={work.mode === "work" || work.mode === "suggested"}
                selected={selection.value.chosen.has(cell.id)}
                onClick={(event) => {
                  if (event.shiftKey) change((now) => extend(now, ids, index));
                  else change((now) => toggle(now, ids, index));
                }}
              />
            )
          );
        })}
      </div>
      {cells.some((cell) => isBlind(work.items.value.get(cell.id))) && (
        <p class="muted small">
          Suggestions are hidden where an example was drawn at random to measure the models honestly.
        </p>
      )}
      {cells.length === 0 ? (
        <Nothing task={task} work={work} />
      ) : (
        <div class="row">
          <Button disabled={from === 0} onClick={() => work.go(Math.max(from - PAGE, 0))}>
            Page before
          </Button>
          <Button disabled={from + PAGE >= line.length && work.ended.value} onClick={nextPage}>
            Next page
          </Button>
        </div>
      )}
    </DeskFrame>
  );
}

function Cell(props: {
  task: string;
  item: Item;
  index: number;
  labels: readonly string[];
  alike: number;
  at: boolean;
  selected: boolean;
  /** What is decided steps back where one works a queue off. */
  dim: boolean;
  onClick: (event: MouseEvent) => void;
}) {
  const { item, alike } = props;
  const said = item.state === "label" || item.state === "ruled";
  const label = item.label || "none of them";
  const guess = suggestionOf(item);
  const suggestion = guess ? `${guess.label} ${Math.round(guess.score * 100)} %` : "";
  const state = said ? label : item.state === "none" ? suggestion : item.state;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the list has the keys
    // biome-ignore lint/a11y/useFocusableInteractive: the list has the focus, and names its active option
    <div
      id={`cell-${props.index}`}
      role="option"
      class={`cell ${props.at ? "at" : ""} ${props.dim && item.state !== "none" ? "decided" : ""}`}
      aria-selected={props.selected}
      onClick={props.onClick}
    >
      <img src={contentUrl(props.task, item.id, "thumbnail")} alt={item.name || item.id} loading="lazy" />
      <span class="cell-text">
        {said && <i class="swatch" style={{ background: labelColour(props.labels, item.label) }} />}
        <span class={said ? "" : "muted"}>{state || (isBlind(item) ? "suggestion hidden" : "–")}</span>
        {alike > 0 && <span class="badge">+{alike} alike</span>}
      </span>
    </div>
  );
}
