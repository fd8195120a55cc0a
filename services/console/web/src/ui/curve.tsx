import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type UPlot from "uplot";
import { theme } from "../app/theme";
import { useWidth } from "./width";

export interface CurveProps {
  name: string;
  /** Seconds since 1970. */
  times: readonly number[];
  values: readonly (number | null)[];
  format: (value: number | null) => string;
}

const HEIGHT = 150;

function clock(time: number): string {
  return new Date(time * 1000).toTimeString().slice(0, 5);
}

/** A curve over time with the value under the pointer. uPlot is fetched when the first one is shown. */
export function Curve({ name, times, values, format }: CurveProps) {
  const { element, width } = useWidth<HTMLDivElement>(640);
  const plot = useRef<UPlot | null>(null);
  const under = useSignal("");
  const latest = useRef<UPlot.AlignedData>([[], []]);
  latest.current = [[...times], [...values]];
  const colours = theme.value;
  useEffect(() => {
    let gone = false;
    void Promise.all([import("uplot"), import("uplot/dist/uPlot.min.css")]).then(([{ default: Plot }]) => {
      if (gone || !element.current) return;
      const css = getComputedStyle(element.current);
      // A colour that follows the scheme is only known once the browser has resolved it.
      const resolve = (token: string) => {
        const probe = document.createElement("i");
        probe.style.color = `var(${token})`;
        element.current?.append(probe);
        const colour = getComputedStyle(probe).color;
        probe.remove();
        return colour;
      };
      const [line, ink, grid] = ["--accent", "--muted", "--line"].map(resolve);
      const axis = {
        stroke: ink,
        grid: { stroke: grid, width: 1 },
        ticks: { show: false },
        font: `11px ${css.fontFamily}`,
      };
      plot.current = new Plot(
        {
          width: element.current.clientWidth,
          height: HEIGHT,
          legend: { show: false },
          cursor: { y: false },
          hooks: {
            setCursor: [
              ({ cursor: { idx }, data: [at, shown] }) => {
                const time = at[idx ?? -1];
                under.value = time === undefined ? "" : `${clock(time)}: ${format(shown?.[idx ?? -1] ?? null)}`;
              },
            ],
          },
          scales: { y: { range: (_, __, top) => [0, top > 0 ? top * 1.1 : 1] } },
          axes: [
            { ...axis, size: 28, values: (_, marks) => marks.map(clock) },
            { ...axis, size: 64, values: (_, marks) => marks.map((mark) => format(mark)) },
          ],
          series: [
            {},
            {
              label: name,
              stroke: line,
              width: 1.5,
              points: { show: false },
              fill: `color-mix(in srgb, ${line} 10%, transparent)`,
              value: (_, value) => format(value),
            },
          ],
        },
        latest.current,
        element.current,
      );
    });
    return () => {
      gone = true;
      plot.current?.destroy();
      plot.current = null;
    };
  }, [name, format, element, colours, under]);
  useEffect(() => plot.current?.setData(latest.current));
  useEffect(() => plot.current?.setSize({ width, height: HEIGHT }), [width]);
  const known = values.filter((value): value is number => value !== null);
  const now = known.at(-1) ?? null;
  return (
    <div class="curve">
      <div class="small number muted" aria-hidden="true">
        {under.value || `now ${format(now)}`}
      </div>
      <div
        ref={element}
        role="img"
        aria-label={`${name}: ${known.length ? `between ${format(Math.min(...known))} and ${format(Math.max(...known))}, now ${format(now)}` : "not known"}`}
      />
    </div>
  );
}
