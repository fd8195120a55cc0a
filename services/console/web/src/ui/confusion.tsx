import type { Confusion as Matrix } from "../app/openapi";

/** Each row as shares of its sum; a row without samples is all zeros. */
export function shares(matrix: readonly (readonly number[])[]): number[][] {
  return matrix.map((row) => {
    const sum = row.reduce((total, value) => total + value, 0);
    return row.map((value) => (sum ? value / sum : 0));
  });
}

/** What b's rows have more of than a's, label by label; labels that only one has are left out. */
export function difference(a: Matrix, b: Matrix): { labels: string[]; matrix: number[][] } {
  const labels = a.labels.filter((label) => b.labels.includes(label));
  const [left, right] = [shares(a.matrix), shares(b.matrix)];
  const at = (from: number[][], names: string[], row: string, column: string) =>
    from[names.indexOf(row)]?.[names.indexOf(column)] ?? 0;
  return {
    labels,
    matrix: labels.map((row) =>
      labels.map((column) => at(right, b.labels, row, column) - at(left, a.labels, row, column)),
    ),
  };
}

/**
 * A confusion matrix: rows are what it was, columns what was answered, colours the share of the row. With `signed` the
 * cells are differences of shares: on the diagonal more is better, beside it less.
 */
export function Confusion({
  caption,
  labels,
  matrix,
  signed = false,
}: {
  caption: string;
  labels: readonly string[];
  matrix: readonly (readonly number[])[];
  signed?: boolean;
}) {
  const parts = signed ? matrix : shares(matrix);
  return (
    <figure class="confusion">
      <figcaption class="small muted">{caption}</figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard */}
      <section class="table-frame" aria-label={caption} tabIndex={0}>
        <table>
          <thead>
            <tr>
              <td>
                <span class="only-read">what it was, by what was answered</span>
              </td>
              {labels.map((label) => (
                <th key={label} scope="col" title={label}>
                  <span>{label}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {labels.map((label, row) => (
              <tr key={label}>
                <th scope="row" title={label}>
                  {label}
                </th>
                {labels.map((column, index) => {
                  const share = parts[row]?.[index] ?? 0;
                  const good = signed ? (row === index ? share > 0 : share < 0) : row === index;
                  const strength = Math.round(Math.min(1, Math.abs(share)) * 45);
                  return (
                    <td
                      key={column}
                      title={`${label} answered as ${column}`}
                      style={{
                        background: `color-mix(in srgb, var(--${good ? "ok" : "error"}) ${strength}%, transparent)`,
                      }}
                    >
                      {signed
                        ? Math.abs(share) < 0.005
                          ? ""
                          : `${share > 0 ? "+" : "−"}${Math.round(Math.abs(share) * 100)}`
                        : matrix[row]?.[index] || ""}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </figure>
  );
}
