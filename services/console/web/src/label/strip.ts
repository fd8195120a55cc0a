/** Items in the order of time, with what was said of each: fills, boundaries, nudges. Indices, not ids. */

/** label: null where nothing was said yet, "" where none of the labels fits. */
export interface Cell {
  id: string;
  label: string | null;
  /** What the model says; empty: nothing. */
  suggested: string;
}

/** What changes. */
export type Paint = { id: string; label: string }[];

/** Where the fill to here begins: behind the last item before it that has a label. */
export function fillStart(cells: readonly Cell[], at: number): number {
  let start = at;
  while (start > 0 && cells[start - 1]?.label === null) start -= 1;
  return start;
}

/** Everything from behind the last ruling up to here; an item here that has another label is overruled. */
export function fill(cells: readonly Cell[], at: number, label: string): Paint {
  return paint(cells, fillStart(cells, at), at, label);
}

/** The items from one to the other, in either direction, but those that have the label. */
export function paint(cells: readonly Cell[], from: number, to: number, label: string): Paint {
  return cells
    .slice(Math.max(Math.min(from, to), 0), Math.max(from, to) + 1)
    .filter((cell) => cell.label !== label)
    .map((cell) => ({ id: cell.id, label }));
}

/** Items at which another label begins than the one before has. */
export function boundaries(cells: readonly Cell[]): number[] {
  const found: number[] = [];
  for (let index = 1; index < cells.length; index++) {
    if (cells[index]?.label !== cells[index - 1]?.label) found.push(index);
  }
  return found;
}

/** Where the model's answer changes and nothing was said yet: where a boundary is to be expected. */
export function expected(cells: readonly Cell[]): number[] {
  const found: number[] = [];
  for (let index = 1; index < cells.length; index++) {
    const [before, here] = [cells[index - 1], cells[index]];
    if (here?.label === null && before?.suggested !== here.suggested) found.push(index);
  }
  return found;
}

/** The nearest boundary, said or expected, in a direction; null: there is none. */
export function nextBoundary(cells: readonly Cell[], at: number, direction: 1 | -1): number | null {
  const all = [...new Set([...boundaries(cells), ...expected(cells)])].sort((a, b) => a - b);
  return (direction > 0 ? all.find((index) => index > at) : all.findLast((index) => index < at)) ?? null;
}

/**
 * Moves the boundary at or nearest before `at` by one item. Returns what changes and where the boundary is then; null:
 * there is none, or no room, or one of its sides has no label yet.
 */
export function nudge(cells: readonly Cell[], at: number, direction: 1 | -1): { paint: Paint; at: number } | null {
  const boundary = boundaries(cells).findLast((index) => index <= at);
  if (boundary === undefined) return null;
  const changed = direction > 0 ? boundary : boundary - 1;
  const label = cells[direction > 0 ? boundary - 1 : boundary]?.label;
  const cell = cells[changed];
  if (typeof label !== "string" || !cell) return null;
  return { paint: [{ id: cell.id, label }], at: boundary + direction };
}
