/** A picture with its boxes, in its own pixels, for the pointer. */
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { labelColour } from "./choices";
import { boxBetween, corner, HANDLES, type Handle, isBox, moved, resized, type Size } from "./geometry";
import { contentUrl } from "./server";
import type { Box, Item } from "./types";

interface Point {
  x: number;
  y: number;
}

type Drag =
  | { what: "draw"; from: Point; to: Point }
  | { what: "move"; index: number; box: Box; from: Point }
  | { what: "resize"; index: number; box: Box; handle: Handle };

export function Picture(props: {
  task: string;
  item: Item;
  labels: readonly string[];
  boxes: readonly Box[];
  found: readonly Box[];
  newLabel: string;
  selected: number;
  onSize: (size: Size) => void;
  onSelect: (index: number) => void;
  onChange: (boxes: Box[]) => void;
  onCommit: () => void;
  onAdd: (box: Box) => void;
}) {
  const { boxes, labels, item } = props;
  const size = useSignal<Size | null>(null);
  const drag = useSignal<Drag | null>(null);
  const svg = useRef<SVGSVGElement>(null);

  const point = (event: PointerEvent): Point => {
    const box = svg.current?.getBoundingClientRect() ?? new DOMRect(0, 0, 1, 1);
    const { width, height } = size.value ?? { width: 1, height: 1 };
    return {
      x: ((event.clientX - box.left) / box.width) * width,
      y: ((event.clientY - box.top) / box.height) * height,
    };
  };
  const begin = (event: PointerEvent, made: Drag) => {
    if (event.button !== 0) return;
    event.stopPropagation();
    svg.current?.setPointerCapture(event.pointerId);
    drag.value = made;
  };
  const moving = (event: PointerEvent) => {
    const now = drag.value;
    if (!now || !size.value) return;
    const to = point(event);
    if (now.what === "draw") {
      drag.value = { ...now, to };
      return;
    }
    const made =
      now.what === "move"
        ? moved(now.box, to.x - now.from.x, to.y - now.from.y, size.value)
        : resized(now.box, now.handle, to, size.value);
    props.onChange(boxes.map((box, index) => (index === now.index ? made : box)));
  };
  const end = () => {
    const now = drag.value;
    drag.value = null;
    if (!now || !size.value) return;
    if (now.what !== "draw") return props.onCommit();
    const box = boxBetween(now.from, now.to, props.newLabel, size.value);
    if (isBox(box)) props.onAdd(box);
    else props.onSelect(-1);
  };

  const { width, height } = size.value ?? { width: 0, height: 0 };
  const unit = Math.max(width, height) / 100;
  return (
    <div class="picture" style={{ "--aspect": String(width && height ? width / height : 1) }}>
      <img
        src={contentUrl(props.task, item.id, "content")}
        alt={item.name || item.id}
        draggable={false}
        onLoad={(event) => {
          size.value = { width: event.currentTarget.naturalWidth, height: event.currentTarget.naturalHeight };
          props.onSize(size.value);
        }}
      />
      {size.value && (
        <svg
          ref={svg}
          viewBox={`0 0 ${width} ${height}`}
          aria-hidden="true"
          onPointerDown={(event) => begin(event, { what: "draw", from: point(event), to: point(event) })}
          onPointerMove={moving}
          onPointerUp={end}
          onPointerCancel={end}
        >
          {props.found.map((box) => (
            // biome-ignore lint/a11y/noStaticElementInteractions: the same
            <g
              key={`${box.left} ${box.top}`}
              class="found"
              onPointerDown={(event) => event.stopPropagation()}
              onClick={() => props.onAdd({ ...box, label: box.label || props.newLabel })}
            >
              <Frame box={box} colour="var(--accent)" unit={unit} />
            </g>
          ))}
          {boxes.map((box, index) => (
            <g
              key={index}
              class={`box ${index === props.selected ? "selected" : ""}`}
              onPointerDown={(event) => {
                props.onSelect(index);
                begin(event, { what: "move", index, box, from: point(event) });
              }}
            >
              <Frame box={box} colour={labelColour(labels, box.label)} unit={unit} />
              {index === props.selected &&
                HANDLES.map((handle) => {
                  const { x, y } = corner(box, handle);
                  return (
                    <circle
                      key={handle}
                      class={`handle ${handle}`}
                      cx={x}
                      cy={y}
                      r={unit * 1.4}
                      onPointerDown={(event) => begin(event, { what: "resize", index, box, handle })}
                    />
                  );
                })}
            </g>
          ))}
          {drag.value?.what === "draw" && (
            <Frame
              box={boxBetween(drag.value.from, drag.value.to, "", { width, height })}
              colour="var(--accent)"
              unit={unit}
            />
          )}
        </svg>
      )}
    </div>
  );
}

function Frame({ box, colour, unit }: { box: Box; colour: string; unit: number }) {
  return (
    <>
      <rect
        x={box.left}
        y={box.top}
        width={box.width}
        height={box.height}
        stroke={colour}
        vector-effect="non-scaling-stroke"
      />
      {box.label && (
        <text x={box.left + unit / 2} y={Math.max(box.top - unit, unit * 3)} font-size={unit * 3}>
          {box.label}
        </text>
      )}
    </>
  );
}
