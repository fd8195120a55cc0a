/** A small curve without axes; what it shows is said in words beside it. Gaps stay gaps. */
export function sparkPath(values: readonly (number | null)[], width: number, height: number): string {
  const known = values.filter((value): value is number => value !== null);
  if (known.length < 2) return "";
  const top = Math.max(...known, 1e-9);
  let pen = "M";
  return values
    .map((value, index) => {
      if (value === null) {
        pen = "M";
        return "";
      }
      const point = `${pen}${((index / (values.length - 1)) * width).toFixed(1)} ${(height - 1 - (value / top) * (height - 2)).toFixed(1)}`;
      pen = "L";
      return point;
    })
    .join("");
}

export function Spark({ values, label }: { values: readonly (number | null)[]; label: string }) {
  const path = sparkPath(values, 240, 32);
  return (
    <svg class="spark" viewBox="0 0 240 32" preserveAspectRatio="none" role="img" aria-label={label}>
      {path && !path.slice(1).includes("M") && <path class="area" d={`${path}V32H0Z`} />}
      <path class="line" d={path} />
    </svg>
  );
}
