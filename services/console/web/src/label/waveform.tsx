/** A sound drawn: its waveform and the model's log-mel over the same seconds, what the model heard, and the cursor. */
import { useComputed, useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { labelColour } from "./choices";
import { loadWave } from "./prefetch";
import { contentUrl } from "./server";
import type { Item, Part, Span } from "./types";
import { peaks, type Wave } from "./wav";

/** Of a window of the model or of a part that a person drew. */
export interface Window {
  start: number;
  end: number;
}

export interface WaveformProps {
  task: string;
  item: Item;
  labels: readonly string[];
  player: RefObject<HTMLMediaElement | null>;
  spans: readonly Span[];
  /** Of the model's windows and the spans behind them; -1: none. */
  selected: number;
  onSelect: (index: number) => void;
  onDraw: (start: number, end: number) => void;
  onSeconds: (seconds: number) => void;
}

export function windowsOf(parts: readonly Part[]): (Window & { part: Part })[] {
  return parts
    .filter((part) => part.span.length === 2)
    .map((part) => ({ start: part.span[0] as number, end: part.span[1] as number, part }));
}

const COLUMNS = 1200;
const HEIGHT = 120;
/** Seconds; shorter is a click. */
const SHORTEST = 0.05;

export function Waveform(props: WaveformProps) {
  const { task, item, player } = props;
  const wave = useSignal<Wave | null>(null);
  const problem = useSignal("");
  const drawn = useSignal<Window | null>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const cursor = useRef<HTMLDivElement>(null);
  const seconds = useComputed(() => wave.value?.seconds ?? 0);
  const tell = useRef(props.onSeconds);
  tell.current = props.onSeconds;

  useEffect(() => {
    let current = true;
    wave.value = null;
    problem.value = "";
    loadWave(task, item.id)
      .then((loaded) => {
        if (!current) return;
        wave.value = loaded;
        tell.current(loaded.seconds);
      })
      .catch((error: unknown) => {
        if (current) problem.value = error instanceof Error ? error.message : String(error);
      });
    return () => {
      current = false;
    };
  }, [task, item.id, wave, problem]);

  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context || !canvas.current) return;
    context.clearRect(0, 0, COLUMNS, HEIGHT);
    if (!wave.value) return;
    context.fillStyle = getComputedStyle(canvas.current).color;
    const found = peaks(wave.value.samples, COLUMNS);
    const loudest = Math.max(0.05, ...found.map(Math.abs));
    for (let column = 0; column < COLUMNS; column++) {
      const low = ((found[column * 2] as number) / loudest) * (HEIGHT / 2 - 2);
      const high = ((found[column * 2 + 1] as number) / loudest) * (HEIGHT / 2 - 2);
      context.fillRect(column, HEIGHT / 2 - high, 1, Math.max(high - low, 1));
    }
  }, [wave.value]);

  useEffect(() => {
    let frame = 0;
    const draw = () => {
      const share = seconds.peek() ? (player.current?.currentTime ?? 0) / seconds.peek() : 0;
      if (cursor.current) cursor.current.style.left = `${Math.min(share, 1) * 100}%`;
      frame = requestAnimationFrame(draw);
    };
    draw();
    return () => cancelAnimationFrame(frame);
  }, [player, seconds]);

  const secondAt = (event: PointerEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * seconds.value;
  };
  const down = (event: PointerEvent) => {
    if (!seconds.value || event.button !== 0) return;
    (event.currentTarget as Element).setPointerCapture(event.pointerId);
    drawn.value = { start: secondAt(event), end: secondAt(event) };
  };
  const moving = (event: PointerEvent) => {
    if (drawn.value) drawn.value = { ...drawn.value, end: secondAt(event) };
  };
  const up = () => {
    if (!drawn.value) return;
    const [start, end] = [drawn.value.start, drawn.value.end].sort((a, b) => a - b) as [number, number];
    drawn.value = null;
    if (end - start >= SHORTEST) props.onDraw(start, end);
    else if (player.current) player.current.currentTime = start;
  };

  const windows = windowsOf(item.parts);
  const at = (window: Window) => ({
    left: `${(Math.min(window.start, window.end) / seconds.value) * 100}%`,
    width: `${(Math.abs(window.end - window.start) / seconds.value) * 100}%`,
  });
  return (
    <div class="sound">
      {problem.value && <p class="error-box">{problem.value}</p>}
      <div class="sound-lanes" onPointerDown={down} onPointerMove={moving} onPointerUp={up} onPointerCancel={up}>
        <canvas
          ref={canvas}
          width={COLUMNS}
          height={HEIGHT}
          role="img"
          aria-label={`Waveform of ${item.name || item.id}`}
        />
        <img
          class="log-mel"
          src={contentUrl(task, item.id, "log_mel")}
          alt="The log-mel that the model hears"
          draggable={false}
        />
        {drawn.value && <div class="drawn" style={at(drawn.value)} />}
        <div ref={cursor} class="cursor" />
      </div>
      {seconds.value > 0 && windows.length > 0 && (
        <fieldset class="sound-lane" aria-label="What the model heard">
          {windows.map((window, index) => (
            <LaneButton
              key={`${window.start}-${window.end}`}
              style={{ ...at(window), "--share": `${Math.round((window.part.scores[0]?.score ?? 0) * 100)}%` }}
              text={`${window.part.label || window.part.scores[0]?.label || "?"} ${Math.round((window.part.scores[0]?.score ?? 0) * 100)} %`}
              pressed={props.selected === index}
              onClick={() => props.onSelect(index)}
            />
          ))}
        </fieldset>
      )}
      {seconds.value > 0 && props.spans.length > 0 && (
        <fieldset class="sound-lane" aria-label="Parts that people drew">
          {props.spans.map((span, index) => (
            <LaneButton
              key={`${span.start}-${span.end}`}
              style={{ ...at(span), borderColor: labelColour(props.labels, span.label) }}
              text={span.label || "no label"}
              pressed={props.selected === windows.length + index}
              onClick={() => props.onSelect(windows.length + index)}
            />
          ))}
        </fieldset>
      )}
    </div>
  );
}

function LaneButton(props: { style: Record<string, string>; text: string; pressed: boolean; onClick: () => void }) {
  return (
    <button
      type="button"
      class="window"
      style={props.style}
      aria-pressed={props.pressed}
      title={props.text}
      onClick={props.onClick}
    >
      {props.text}
    </button>
  );
}
