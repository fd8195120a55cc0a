import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Button } from "../ui/button";
import { Icon } from "../ui/icons";
import { ago } from "./format";
import { useKeys } from "./keys";
import type { Loaded } from "./load";

/** How old what is shown is, and a button that keeps it as it stands. */
export function Live({ loaded }: { loaded: Loaded<unknown> }) {
  const now = useSignal(Date.now());
  const { paused, at, error } = loaded;
  useEffect(() => {
    const timer = setInterval(() => {
      now.value = Date.now();
    }, 1000);
    return () => clearInterval(timer);
  }, [now]);
  const toggle = () => {
    paused.value = !paused.value;
    if (!paused.value) void loaded.reload();
  };
  useKeys("This screen", [{ key: ".", what: "Pause and go on with the refreshing", run: toggle }]);
  const late = error !== null || (at > 0 && now.value - at > 20_000);
  return (
    <span class="row small">
      <span class={late && !paused.value ? "badge warning" : "muted number"}>
        {at === 0 ? "" : `${paused.value ? "paused, " : ""}as of ${ago(at, Math.max(now.value, at))}`}
      </span>
      <Button
        icon
        kind="plain"
        label={paused.value ? "Go on refreshing" : "Pause the refreshing"}
        pressed={paused.value}
        onClick={toggle}
      >
        <Icon name={paused.value ? "play" : "pause"} />
      </Button>
    </span>
  );
}
