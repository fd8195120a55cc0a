/** A whole recording at a glance: score curve, labels, boundaries, and where one is. */
import { labelColour } from "./choices";
import { boundaries, type Cell } from "./strip";

/** From the first index up to, not with, the last. */
export interface Run {
  from: number;
  to: number;
  label: string | null;
}

/** Neighbours of one label as one. */
export function runs(cells: readonly Cell[]): Run[] {
  const starts = [0, ...boundaries(cells)];
  return starts.map((from, index) => ({
    from,
    to: starts[index + 1] ?? cells.length,
    label: cells[from]?.label ?? null,
  }));
}

export function Band(props: {
  cells: readonly Cell[];
  scores: readonly (number | null)[];
  labels: readonly string[];
  at: number;
  onGo: (index: number) => void;
}) {
  const { cells, scores, labels, at } = props;
  const total = Math.max(cells.length, 1);
  const points = scores.flatMap((score, index) =>
    score === null ? [] : [`${index + 0.5},${(40 - score * 38).toFixed(1)}`],
  );
  const go = (event: PointerEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    props.onGo(Math.floor(((event.clientX - box.left) / box.width) * total));
  };
  const drag = (event: PointerEvent) => {
    if (event.buttons & 1) go(event);
  };
  return (
    <div
      class="band"
      role="slider"
      aria-label="Place in the recording"
      aria-valuemin={1}
      aria-valuemax={total}
      aria-valuenow={at + 1}
      aria-valuetext={`${at + 1} of ${total}, ${cells[at]?.label ?? "not labelled"}`}
      tabIndex={0}
      onPointerDown={go}
      onPointerMove={drag}
    >
      <svg viewBox={`0 0 ${total} 60`} preserveAspectRatio="none" aria-hidden="true">
        <polyline class="curve" points={points.join(" ")} vector-effect="non-scaling-stroke" />
        {runs(cells).map(
          (run) =>
            run.label !== null && (
              <rect
                key={run.from}
                x={run.from}
                y={44}
                width={run.to - run.from}
                height={16}
                fill={labelColour(labels, run.label)}
              />
            ),
        )}
        {boundaries(cells).map((index) => (
          <line key={index} class="boundary" x1={index} x2={index} y1={0} y2={60} vector-effect="non-scaling-stroke" />
        ))}
        <line class="here" x1={at + 0.5} x2={at + 0.5} y1={0} y2={60} vector-effect="non-scaling-stroke" />
      </svg>
    </div>
  );
}
