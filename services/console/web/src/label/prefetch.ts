/** Fetches the content of the items that come next, so that each is there when it is shown. */
import { contentUrl } from "./server";
import type { Item } from "./types";
import { readWav, type Wave } from "./wav";

const KEPT = 16;
const kept = new Map<string, unknown>();

function keep<T>(key: string, make: () => T): T {
  const value = (kept.get(key) as T | undefined) ?? make();
  kept.delete(key);
  kept.set(key, value);
  for (const oldest of kept.keys()) if (kept.size > KEPT) kept.delete(oldest);
  return value;
}

export type Medium = "picture" | "sound" | "video" | "numbers" | "other";

export function mediumOf(mediaType: string): Medium {
  if (mediaType.startsWith("image/")) return "picture";
  if (mediaType.startsWith("audio/")) return "sound";
  if (mediaType.startsWith("video/")) return "video";
  return mediaType.includes("npz") ? "numbers" : "other";
}

function picture(address: string): HTMLImageElement {
  return keep(address, () => {
    const image = new Image();
    image.src = address;
    return image;
  });
}

async function fetched(address: string): Promise<ArrayBuffer> {
  const response = await fetch(address, { credentials: "same-origin" });
  if (!response.ok) throw new Error(`The content could not be fetched: the console answered ${response.status}.`);
  return response.arrayBuffer();
}

/** What failed is asked for again the next time. */
function keepFetched<T>(key: string, address: string, read: (bytes: ArrayBuffer) => T | Promise<T>): Promise<T> {
  return keep(key, () => {
    const reading = fetched(address).then(read);
    reading.catch(() => kept.delete(key));
    return reading;
  });
}

export function loadWave(task: string, id: string): Promise<Wave> {
  const address = contentUrl(task, id, "wav");
  return keepFetched(address, address, readWav);
}

export function loadBytes(task: string, id: string): Promise<ArrayBuffer> {
  const address = contentUrl(task, id, "content");
  return keepFetched(address, address, (bytes) => bytes);
}

export function prefetch(task: string, items: readonly Item[]): void {
  for (const item of items) {
    const medium = mediumOf(item.media_type);
    if (medium === "picture") picture(contentUrl(task, item.id, "content"));
    if (medium === "numbers") loadBytes(task, item.id).catch(() => undefined);
    if (medium === "sound") {
      picture(contentUrl(task, item.id, "log_mel"));
      loadWave(task, item.id).catch(() => undefined);
    }
  }
}
