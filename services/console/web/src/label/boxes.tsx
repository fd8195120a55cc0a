/** Boxes on a picture: draw, move, resize, label, delete, or accept what the detector found. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { count } from "../app/format";
import { Button } from "../ui/button";
import { Choices, labelColour } from "./choices";
import { DeskFrame, type Doing, useDesk } from "./desk";
import { Nothing, useOne } from "./focus";
import { detected, grown, isBox, middle, moved, type Size } from "./geometry";
import { Picture } from "./picture";
import { About, Guesses, Suggestion, WhoSaid } from "./said";
import type { Box } from "./types";
import { focusStage } from "./use_keys";
import { suggestionOf } from "./work";

/** Pixels of the picture that an arrow key moves. */
const STEP = 4;

export function Boxes({ task }: { task: string }) {
  const desk = useDesk(task, "boxes");
  const one = useOne(desk);
  const { work, labels } = desk;
  const item = work.current.value;
  const size = useSignal<Size>({ width: 0, height: 0 });
  /** While it is being changed; null: as it was last said. */
  const draft = useSignal<Box[] | null>(null);
  const selected = useSignal(-1);
  const draftOf = useRef("");

  const id = item?.id ?? "";
  useEffect(() => {
    draft.value = null;
    selected.value = -1;
  }, [id]);
  const boxes = (draftOf.current === id && draft.value) || (item?.boxes ?? []);
  const said = item !== undefined && item.state !== "none" && item.state !== "skip";
  const found = said ? [] : detected(item?.parts ?? []);

  const change = (next: Box[]) => {
    draftOf.current = id;
    draft.value = next;
  };
  const say = (next: readonly Box[], what: string) => {
    draft.value = null;
    if (!item) return;
    const kind = work.rules(item) ? "rule" : "boxes";
    work.say([{ kind, example: item.id, label: item.label, boxes: [...next], spans: [] }], what);
  };
  /** Says what was changed, once the change has ended. */
  const commit = (what = "boxes") => {
    if (draft.value) say(draft.value, what);
  };
  const chosen = boxes[selected.value];
  const replace = (box: Box) => change(boxes.map((other, index) => (index === selected.value ? box : other)));
  const shift = (dx: number, dy: number) => () => chosen && replace(moved(chosen, dx, dy, size.value));
  const grow = (dx: number, dy: number) => () => chosen && replace(grown(chosen, dx, dy, size.value));
  const orStep = (dx: number, by: number) => () => (chosen ? shift(dx, 0)() : work.step(by));
  const newLabel = work.brush.value || suggestionOf(item)?.label || labels[0] || "";
  const add = (box: Box) => {
    if (!isBox(box)) return;
    say([...boxes, box], `box: ${box.label}`);
    selected.value = boxes.length;
  };
  const remove = () => {
    if (!chosen) return;
    say(
      boxes.filter((box) => box !== chosen),
      "box deleted",
    );
    selected.value = -1;
  };
  const label = (name: string) => {
    if (chosen)
      return say(
        boxes.map((box) => (box === chosen ? { ...box, label: name } : box)),
        `box: ${name}`,
      );
    one.choose(name);
  };
  /** All is right as it is shown: what was said, or else what the detector found. */
  const accept = () => {
    if (!item) return;
    if (!said) say(found, found.length ? count(found.length, "box", "boxes") : "nothing in it");
    one.onward();
  };
  const doing: Doing = {
    ...one,
    choose: label,
    keys: {
      accept,
      play: accept,
      next: orStep(STEP, 1),
      previous: orStep(-STEP, -1),
      down: shift(0, STEP),
      up: shift(0, -STEP),
      wider: grow(STEP, 0),
      narrower: grow(-STEP, 0),
      taller: grow(0, STEP),
      flatter: grow(0, -STEP),
      box: () => add(middle(newLabel, size.value)),
      box_next: () => {
        if (boxes.length) selected.value = (selected.value + 1) % boxes.length;
      },
      none: () => (selected.value = -1),
      delete: remove,
    },
    release: Object.fromEntries(
      ["next", "previous", "down", "up", "wider", "narrower", "taller", "flatter"].map((key) => [key, () => commit()]),
    ),
  };
  return (
    <DeskFrame desk={desk} doing={doing}>
      <section id="stage" class="focus" tabIndex={-1} aria-label="Picture">
        {item ? (
          <>
            <div class="focus-content">
              <Picture
                key={item.id}
                {...{ task, item, labels, boxes, found, newLabel }}
                selected={selected.value}
                onSize={(measured) => (size.value = measured)}
                onSelect={(index) => (selected.value = index)}
                onChange={change}
                onCommit={commit}
                onAdd={add}
              />
              <About task={task} item={item} />
            </div>
            <div class="focus-side stack">
              <div class="row">
                <Button kind="primary" onClick={accept}>
                  {said
                    ? "Right so, next"
                    : found.length
                      ? `Accept ${count(found.length, "box", "boxes")}`
                      : "Nothing is in it"}
                </Button>
                <Button onClick={doing.keys.box}>New box</Button>
                {chosen && (
                  <Button kind="danger" onClick={remove}>
                    Delete the box
                  </Button>
                )}
              </div>
              <p class="muted small">
                {chosen
                  ? "A label goes to the chosen box; arrows move it, with shift they change its size."
                  : "Draw over the picture, or press B. What the detector found is dashed: a click takes one of it."}
              </p>
              <ul class="box-list">
                {boxes.map((box, index) => (
                  <li key={`${index}-${box.left}`}>
                    <button
                      type="button"
                      class="choice"
                      aria-pressed={index === selected.value}
                      onClick={() => {
                        selected.value = index;
                        focusStage();
                      }}
                    >
                      <i class="swatch" style={{ background: labelColour(labels, box.label) }} />
                      <span>{box.label || "no label"}</span>
                      <span class="muted small number">
                        {Math.round(box.width)} × {Math.round(box.height)}
                      </span>
                    </button>
                  </li>
                ))}
              </ul>
              <Choices
                labels={labels}
                chosen={chosen?.label}
                suggested={suggestionOf(item)?.label}
                onChoose={(name) => {
                  label(name);
                  focusStage();
                }}
                onOther={desk.pick}
              />
              <Suggestion item={item} />
              <WhoSaid item={item} work={work} onward={one.onward} />
              <Guesses item={item} />
            </div>
          </>
        ) : (
          <Nothing task={task} work={work} />
        )}
      </section>
    </DeskFrame>
  );
}
