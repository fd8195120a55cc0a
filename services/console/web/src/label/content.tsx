/** An example as it can best be seen or heard. */
import { useSignal } from "@preact/signals";
import type { Ref } from "preact";
import { useEffect } from "preact/hooks";
import { bytes as bytesText, number } from "../app/format";
import { type ArraySummary, readNpz } from "./npz";
import { loadBytes, mediumOf } from "./prefetch";
import { contentUrl } from "./server";
import type { Item } from "./types";

/** player: of sounds and videos, for the keys. */
export function Content({ task, item, player }: { task: string; item: Item; player: Ref<HTMLMediaElement> }) {
  const medium = mediumOf(item.media_type);
  const name = item.name || item.id;
  if (medium === "picture") return <img class="shown" src={contentUrl(task, item.id, "content")} alt={name} />;
  if (medium === "video")
    return (
      // biome-ignore lint/a11y/useMediaCaption: a device's recording has none
      <video
        key={item.id}
        ref={player as Ref<HTMLVideoElement>}
        class="shown"
        controls
        src={contentUrl(task, item.id, "content")}
      />
    );
  if (medium === "sound")
    return (
      <div class="content-sound">
        <img class="log-mel" src={contentUrl(task, item.id, "log_mel")} alt={`Log-mel of ${name}`} />
        {/* biome-ignore lint/a11y/useMediaCaption: a device's recording has none */}
        <audio key={item.id} ref={player as Ref<HTMLAudioElement>} controls src={contentUrl(task, item.id, "wav")} />
      </div>
    );
  if (medium === "numbers") return <Numbers key={item.id} task={task} item={item} />;
  return (
    <p class="muted">
      {name}: {item.media_type}, {bytesText(item.bytes)}. The browser can't show it.{" "}
      <a href={contentUrl(task, item.id, "content")} download={name}>
        Download it
      </a>
    </p>
  );
}

function Numbers({ task, item }: { task: string; item: Item }) {
  const arrays = useSignal<ArraySummary[] | null>(null);
  const problem = useSignal("");
  useEffect(() => {
    loadBytes(task, item.id)
      .then(readNpz)
      .then((read) => {
        arrays.value = read;
      })
      .catch((error: unknown) => {
        problem.value = String(error);
      });
  }, [task, item.id, arrays, problem]);
  if (problem.value) return <p class="error-box">{problem.value}</p>;
  return (
    <table class="numbers">
      <thead>
        <tr>
          <th scope="col">Array</th>
          <th scope="col">Shape</th>
          <th scope="col">Type</th>
          <th scope="col">Range</th>
          <th scope="col">Mean</th>
          <th scope="col">Values</th>
        </tr>
      </thead>
      <tbody>
        {arrays.value?.map((array) => (
          <tr key={array.name}>
            <th scope="row">{array.name}</th>
            <td>{array.shape.join(" × ") || "one value"}</td>
            <td>{array.dtype}</td>
            <td>{array.low === null ? "–" : `${number(array.low)} to ${number(array.high)}`}</td>
            <td>{number(array.mean)}</td>
            <td>
              <Line array={array} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Line({ array }: { array: ArraySummary }) {
  const { low, high, values } = array;
  if (low === null || high === null || values.length < 2) return null;
  const y = (value: number) => 28 - (Number.isFinite(value) && high > low ? ((value - low) / (high - low)) * 26 : 0);
  const points = values.map(
    (value, index) => `${((index / (values.length - 1)) * 240).toFixed(1)},${y(value).toFixed(1)}`,
  );
  return (
    <svg viewBox="0 0 240 30" width="240" height="30" aria-hidden="true">
      <polyline points={points.join(" ")} fill="none" stroke="var(--accent)" />
    </svg>
  );
}
