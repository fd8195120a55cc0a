import { number, percent } from "../app/format";
import type { VersionLine } from "../app/openapi";
import { useWidth } from "../ui/width";
import { isShare, metricOf } from "./versions";

const HEIGHT = 190;
const LEFT = 52;
const TOP = 12;
const BOTTOM = 26;
const MOST = 40;

/** Three to six round numbers that hold both ends. */
export function ticks(low: number, high: number): number[] {
  const span = Math.max(high - low, 1e-6);
  const rough = span / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? 10 * power;
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil(high / step - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

/** A metric with its interval, version by version, the oldest first. */
export function MetricChart({ metric, versions }: { metric: string; versions: readonly VersionLine[] }) {
  const { element, width } = useWidth<HTMLDivElement>(640);
  const points = [...versions]
    .reverse()
    .map((version) => ({ version: version.version, metric: metricOf(version, metric) }))
    .filter((point) => point.metric !== null)
    .slice(-MOST)
    .map(({ version, metric: found }) => ({
      version,
      value: found?.value ?? 0,
      low: found?.low ?? null,
      high: found?.high ?? null,
    }));
  if (points.length === 0) return <p class="muted">No version has this metric.</p>;
  const share = points.every((point) => isShare({ ...point, name: metric }));
  const values = points.flatMap(({ value, low, high }) => [value, low ?? value, high ?? value]);
  const marks = ticks(Math.min(...values), Math.max(...values));
  const [bottom = 0, top = 1] = [marks[0], marks.at(-1)];
  const y = (value: number) => TOP + (1 - (value - bottom) / (top - bottom || 1)) * (HEIGHT - TOP - BOTTOM);
  const x = (index: number) => LEFT + ((index + 0.5) / points.length) * (width - LEFT);
  const digits = marks.length > 1 && (marks[1] ?? 0) - bottom < 0.01 ? 1 : 0;
  const text = (value: number, places?: number) => (share ? percent(value, places) : number(value));
  const every = Math.ceil(points.length / Math.max(1, (width - LEFT) / 64));
  return (
    <div ref={element} class="chart">
      <svg
        width={width}
        height={HEIGHT}
        role="img"
        aria-label={`${metric} of ${points.length} versions; the table below holds the numbers`}
      >
        {marks.map((mark) => (
          <g key={mark} class="mark">
            <line x1={LEFT} x2={width} y1={y(mark)} y2={y(mark)} />
            <text x={LEFT - 8} y={y(mark) + 4} text-anchor="end">
              {text(mark, digits)}
            </text>
          </g>
        ))}
        <path
          class="line faint"
          d={points.map(({ value }, index) => `${index ? "L" : "M"}${x(index)} ${y(value)}`).join("")}
        />
        {points.map(({ version, value, low, high }, index) => (
          <g key={version} class="point">
            <title>{`${version}: ${text(value)}${low !== null && high !== null ? `, ${text(low)} to ${text(high)}` : ""}`}</title>
            <rect x={x(index) - 14} y={0} width={28} height={HEIGHT} />
            {low !== null && high !== null && (
              <path class="whisker" d={`M${x(index)} ${y(low)}V${y(high)}m-4 0h8M${x(index) - 4} ${y(low)}h8`} />
            )}
            <circle cx={x(index)} cy={y(value)} r={4} />
            {index % every === 0 && (
              <text x={x(index)} y={HEIGHT - 6} text-anchor="middle">
                {version}
              </text>
            )}
          </g>
        ))}
      </svg>
    </div>
  );
}
