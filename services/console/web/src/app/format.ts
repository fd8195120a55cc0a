/** Numbers and times as people read them. What is not known is a dash. */
const DASH = "–";

/** A share as per cent: one digit after the point below 10 % and at the ends, where it matters. */
export function percent(share: number | null | undefined, digits?: number): string {
  if (share == null || Number.isNaN(share)) return DASH;
  const value = share * 100;
  const places = digits ?? (value !== 0 && value !== 100 && (Math.abs(value) < 10 || Math.abs(value) > 90) ? 1 : 0);
  return `${value.toFixed(places)} %`;
}

export function number(value: number | null | undefined, digits = 2): string {
  if (value == null || Number.isNaN(value)) return DASH;
  if (Number.isInteger(value)) return value.toLocaleString("en");
  const size = Math.abs(value);
  return size >= 100
    ? Math.round(value).toLocaleString("en")
    : size < 0.01
      ? value.toPrecision(2)
      : value.toFixed(size >= 10 ? 1 : digits);
}

export function milliseconds(value: number | null | undefined): string {
  if (value == null) return DASH;
  return value >= 10_000 ? `${number(value / 1000)} s` : `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}

export function bytes(value: number | null | undefined): string {
  if (value == null) return DASH;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let [size, unit] = [value, 0];
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit && size < 10 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`;
}

/** A length of time in its two largest units. */
export function duration(seconds: number | null | undefined): string {
  if (seconds == null) return DASH;
  const total = Math.round(Math.abs(seconds));
  const parts: [number, string][] = [
    [Math.floor(total / 86400), "d"],
    [Math.floor(total / 3600) % 24, "h"],
    [Math.floor(total / 60) % 60, "min"],
    [total % 60, "s"],
  ];
  const first = parts.findIndex(([amount]) => amount > 0);
  if (first < 0) return "0 s";
  return parts
    .slice(first, first + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount} ${unit}`)
    .join(" ");
}

/** How long ago something was. */
export function ago(time: string | number | null | undefined, now = Date.now()): string {
  if (time == null) return "never";
  const seconds = (now - new Date(time).getTime()) / 1000;
  if (seconds < 5) return "now";
  const [largest = "", unit = ""] = duration(seconds).split(" ");
  return `${largest} ${unit} ago`;
}

/** A moment in this browser's own time zone. */
export function moment(time: string | null | undefined): string {
  if (!time) return DASH;
  const date = new Date(time);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** A day that the registry writes as 20261129. */
export function day(compact: string): string {
  return compact.replace(/^(\d{4})(\d{2})(\d{2})$/, "$1-$2-$3");
}

export function count(amount: number, one: string, many = `${one}s`): string {
  return `${amount.toLocaleString("en")} ${amount === 1 ? one : many}`;
}
