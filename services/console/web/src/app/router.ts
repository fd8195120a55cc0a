/** Where the page is: the address is the only place that knows, so that a link or a reload shows the same again. */
import { signal } from "@preact/signals";

export interface Place {
  path: string;
  query: URLSearchParams;
}

function read(): Place {
  return { path: location.pathname, query: new URLSearchParams(location.search) };
}

export const place = signal<Place>(read());

/** Goes to an address of this page. `replace` leaves no step to go back to. */
export function navigate(to: string, options: { replace?: boolean } = {}): void {
  if (to === location.pathname + location.search) return;
  const before = location.pathname;
  history[options.replace ? "replaceState" : "pushState"](null, "", to);
  place.value = read();
  if (location.pathname !== before) window.scrollTo(0, 0);
}

/** Changes some of the query; null takes a key out. */
export function setQuery(
  changes: Record<string, string | null>,
  options: { replace?: boolean } = { replace: true },
): void {
  navigate(withQuery(changes), options);
}

/** The address of here with some of the query changed: what a link to another tab or filter leads to. */
export function withQuery(changes: Record<string, string | null>): string {
  const query = new URLSearchParams(place.value.query);
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) query.delete(key);
    else query.set(key, value);
  }
  const text = query.toString();
  return place.value.path + (text ? `?${text}` : "");
}

/**
 * The parts of a path by a pattern such as `/tasks/:task`, or null where it is another. A trailing `*` takes what is
 * left, under the name `rest`.
 */
export function match(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split("/").filter(Boolean);
  const given = path.split("/").filter(Boolean);
  const found: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    if (part === "*") return { ...found, rest: given.slice(index).map(decode).join("/") };
    const value = given[index];
    if (value === undefined) return null;
    if (part.startsWith(":")) found[part.slice(1)] = decode(value);
    else if (part !== value) return null;
  }
  return wanted.length === given.length ? found : null;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** A path of encoded parts: `path("tasks", task)`. */
export function path(...parts: string[]): string {
  return `/${parts.map(encodeURIComponent).join("/")}`;
}

/** Follows the browser's own steps, and clicks on links to this page. */
export function listen(): void {
  window.addEventListener("popstate", () => {
    place.value = read();
  });
  document.addEventListener("click", (event) => {
    if (
      event.defaultPrevented ||
      event.button !== 0 ||
      event.metaKey ||
      event.ctrlKey ||
      event.shiftKey ||
      event.altKey
    )
      return;
    const link = (event.target as Element | null)?.closest?.("a");
    if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    const url = new URL(link.href);
    if (url.pathname.startsWith("/api/") || (url.hash && url.pathname === location.pathname)) return;
    event.preventDefault();
    navigate(url.pathname + url.search);
  });
}
