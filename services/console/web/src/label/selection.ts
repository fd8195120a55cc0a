/** Which items of a grid are selected, and where the keyboard stands in it. */

export interface Selection {
  chosen: ReadonlySet<string>;
  /** Where the keyboard stands. */
  at: number;
  /** Where a range began. */
  anchor: number;
}

export const NOTHING: Selection = { chosen: new Set(), at: 0, anchor: 0 };

/** Selects an item or leaves it out; a range begins there. */
export function toggle(selection: Selection, ids: readonly string[], index: number): Selection {
  const id = ids[index];
  if (id === undefined) return selection;
  const chosen = new Set(selection.chosen);
  if (!chosen.delete(id)) chosen.add(id);
  return { chosen, at: index, anchor: index };
}

/** Selects everything between where the range began and the item, and nothing that this range had before. */
export function extend(selection: Selection, ids: readonly string[], index: number): Selection {
  const to = Math.min(Math.max(index, 0), ids.length - 1);
  const chosen = new Set(selection.chosen);
  for (const id of between(ids, selection.anchor, selection.at)) chosen.delete(id);
  for (const id of between(ids, selection.anchor, to)) chosen.add(id);
  return { ...selection, chosen, at: to };
}

/** Moves the keyboard; what is selected stays. */
export function move(selection: Selection, ids: readonly string[], by: number): Selection {
  const at = Math.min(Math.max(selection.at + by, 0), Math.max(ids.length - 1, 0));
  return { ...selection, at, anchor: at };
}

/** What a label goes to: what is selected, or else the item where the keyboard stands. */
export function targets(selection: Selection, ids: readonly string[]): string[] {
  const chosen = ids.filter((id) => selection.chosen.has(id));
  const here = ids[selection.at];
  return chosen.length > 0 || here === undefined ? chosen : [here];
}

function between(ids: readonly string[], a: number, b: number): readonly string[] {
  return ids.slice(Math.min(a, b), Math.max(a, b) + 1);
}

/** Near-duplicates as one cell: the first of them in the line, and those that are behind it. */
export function collapse(
  ids: readonly string[],
  similar: (id: string) => readonly string[],
): { id: string; alike: string[] }[] {
  const taken = new Set<string>();
  const cells: { id: string; alike: string[] }[] = [];
  for (const id of ids) {
    if (taken.has(id)) continue;
    taken.add(id);
    const alike = similar(id).filter((other) => !taken.has(other));
    for (const other of alike) taken.add(other);
    cells.push({ id, alike });
  }
  return cells;
}
