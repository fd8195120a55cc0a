/** What a screen shows comes by here: asked once, or again every few seconds, with the last answer kept meanwhile. */
import { type Signal, useSignal } from "@preact/signals";
import { useCallback, useEffect, useRef } from "preact/hooks";
import { ApiError } from "./api";

export interface Loaded<T> {
  data: T | null;
  error: ApiError | null;
  /** When the data came, in milliseconds. */
  at: number;
  paused: Signal<boolean>;
  reload: () => Promise<void>;
}

/**
 * Loads by `load`, anew whenever `key` changes, and every `every` milliseconds while the page is seen and not paused.
 * An error leaves the data in place.
 */
export function useLoad<T>(key: string, load: (signal: AbortSignal) => Promise<T>, every = 0): Loaded<T> {
  const data = useSignal<{ key: string; value: T; at: number } | null>(null);
  const error = useSignal<ApiError | null>(null);
  const paused = useSignal(false);
  const latest = useRef({ key, load });
  latest.current = { key, load };
  const running = useRef<AbortController | null>(null);

  const reload = useCallback(async () => {
    running.current?.abort();
    const control = new AbortController();
    running.current = control;
    const asked = latest.current;
    try {
      const value = await asked.load(control.signal);
      if (control.signal.aborted) return;
      data.value = { key: asked.key, value, at: Date.now() };
      error.value = null;
    } catch (thrown) {
      if (control.signal.aborted) return;
      error.value = thrown instanceof ApiError ? thrown : new ApiError(0, "page", String(thrown));
    } finally {
      if (running.current === control) running.current = null;
    }
  }, [data, error]);

  useEffect(() => {
    error.value = null;
    void reload();
    // A slow console is not asked again before it has answered.
    const again = () => !paused.value && !document.hidden && !running.current && void reload();
    const timer = every ? setInterval(again, every) : undefined;
    return () => {
      clearInterval(timer);
      running.current?.abort();
    };
  }, [key, every, reload]);

  const current = data.value?.key === key ? data.value : null;
  return { data: current?.value ?? null, error: error.value, at: current?.at ?? 0, paused, reload };
}
