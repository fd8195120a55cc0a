/** The metrics of two versions, apart by what they are about: the whole, one class, one condition of a trial. */
import type { Comparison, MetricPair } from "../app/openapi";

export type Pair = Pick<MetricPair, "a" | "b" | "difference">;

export interface ClassRow {
  label: string;
  /** By the name of the measure. */
  pairs: Readonly<Record<string, Pair>>;
}

export interface Sorted {
  headline: readonly MetricPair[];
  /** Such as `robust.gap.detection_rate`. */
  others: readonly MetricPair[];
  classes: readonly ClassRow[];
  /** Which measures any class has. */
  measures: readonly string[];
}

export function apart({ metrics, per_class }: Pick<Comparison, "metrics" | "per_class">): Sorted {
  const classes = new Map(per_class.map(({ label, ...f1 }) => [label, { f1 } as Record<string, Pair>]));
  const measures = new Set(per_class.length ? ["f1"] : []);
  const rest = metrics.filter((metric) => {
    const { name } = metric;
    const label = [...classes.keys()].find((one) => name.endsWith(`.${one}`));
    if (label === undefined) return true;
    const measure = name.slice(0, -label.length - 1);
    measures.add(measure);
    const pairs = classes.get(label);
    if (pairs && measure !== "f1") pairs[measure] = metric;
    return false;
  });
  return {
    headline: rest.filter(({ name }) => !name.includes(".")),
    others: rest.filter(({ name }) => name.includes(".")),
    classes: [...classes].map(([label, pairs]) => ({ label, pairs })),
    measures: [...measures],
  };
}

/** `average_precision` as a title. */
export function title(measure: string): string {
  const words = measure.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
