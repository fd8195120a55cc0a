import type { ComponentChildren } from "preact";
import { place, setQuery } from "../app/router";

export interface Column<Row> {
  id: string;
  title: string;
  cell: (row: Row) => ComponentChildren;
  end?: boolean;
  /** What the column is sorted by; without it, it is not. */
  by?: (row: Row) => string | number | null;
}

export interface TableProps<Row> {
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  /** Under which name the address keeps the order: `sort` unless a page has several tables. */
  sortKey?: string;
}

export function sorted<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  order: string | null,
): readonly Row[] {
  const down = order?.startsWith("-") ?? false;
  const by = columns.find((column) => column.id === (down ? order?.slice(1) : order))?.by;
  if (!by) return rows;
  return [...rows].sort((left, right) => {
    const [a, b] = [by(left), by(right)];
    if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
    const before = typeof a === "string" ? a.localeCompare(String(b), undefined, { numeric: true }) : a - Number(b);
    return down ? -before : before;
  });
}

export function Table<Row>({ caption, columns, rows, rowKey, sortKey = "sort" }: TableProps<Row>) {
  const order = place.value.query.get(sortKey);
  const next = (id: string) => (order === id ? `-${id}` : order === `-${id}` ? null : id);
  const direction = (id: string) => (order === id ? "ascending" : order === `-${id}` ? "descending" : undefined);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
    <section class="table-frame" aria-label={caption} tabIndex={0}>
      <table>
        <caption class="only-read">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.id} scope="col" class={column.end ? "end" : ""} aria-sort={direction(column.id)}>
                {column.by ? (
                  <button type="button" onClick={() => setQuery({ [sortKey]: next(column.id) })}>
                    {column.title}
                    {direction(column.id) && <span aria-hidden="true">{order === column.id ? " ↑" : " ↓"}</span>}
                  </button>
                ) : (
                  column.title || <span class="only-read">What can be done</span>
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted(rows, columns, order).map((row) => (
            <tr key={rowKey(row)}>
              {columns.map((column) => (
                <td key={column.id} class={column.end ? "end" : ""}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
