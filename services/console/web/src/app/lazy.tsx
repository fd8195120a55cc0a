import { useSignal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import { ErrorBox, Skeleton } from "../ui/parts";
import { ApiError } from "./api";

const loaded = new Map<string, ComponentType>();

/** A screen that is fetched when it is first gone to. `name` has to be its own. */
export function Lazy({ name, load }: { name: string; load: () => Promise<{ default: ComponentType }> }) {
  const error = useSignal<ApiError | null>(null);
  const known = useSignal(loaded.has(name));
  const begin = async () => {
    try {
      loaded.set(name, (await load()).default);
      error.value = null;
      known.value = true;
    } catch {
      error.value = new ApiError(
        0,
        "unreachable",
        "This part of the page could not be fetched. Reload the page: the console may be newer than it.",
      );
    }
  };
  useEffect(() => {
    if (!loaded.has(name)) void begin();
  }, [name]);
  const Screen = loaded.get(name);
  if (error.value) return <ErrorBox error={error.value} retry={begin} />;
  return known.value && Screen ? <Screen /> : <Skeleton lines={6} />;
}
