/** A sound seen and heard: labels while it plays, parts with labels of their own. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { number } from "../app/format";
import { Button } from "../ui/button";
import { toast } from "../ui/toast";
import { Choices } from "./choices";
import { DeskFrame, type Doing, useDesk } from "./desk";
import { Nothing, playOrPause, useOne } from "./focus";
import { About, Guesses, Suggestion, WhoSaid } from "./said";
import { contentUrl } from "./server";
import type { Span } from "./types";
import { focusStage } from "./use_keys";
import { Waveform, windowsOf } from "./waveform";
import { suggestionOf } from "./work";

const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2, 3];

export function Sound({ task }: { task: string }) {
  const desk = useDesk(task, "sound");
  const one = useOne(desk);
  const { work, labels } = desk;
  const player = useRef<HTMLAudioElement>(null);
  const selected = useSignal(-1);
  const looping = useSignal(false);
  const speed = useSignal(1);
  const starts = useSignal<number | null>(null);
  const seconds = useSignal(0);
  /** Whether the next one plays by itself, because the one before did. */
  const goesOn = useRef(false);
  const item = work.current.value;
  const windows = windowsOf(item?.parts ?? []);
  const spans = item?.spans ?? [];
  const window = [...windows, ...spans][selected.value];
  const span = selected.value - windows.length;

  const id = item?.id;
  useEffect(() => {
    selected.value = -1;
    starts.value = null;
    if (!player.current) return;
    player.current.playbackRate = speed.value;
    if (goesOn.current) player.current.play().catch(() => undefined);
  }, [id]);
  useEffect(() => {
    let frame = 0;
    const watch = () => {
      const at = player.current;
      if (at && looping.value && window && (at.currentTime >= window.end || at.currentTime < window.start - 0.05)) {
        at.currentTime = window.start;
      }
      frame = requestAnimationFrame(watch);
    };
    if (looping.value && window) watch();
    return () => cancelAnimationFrame(frame);
  }, [looping.value, window]);

  const select = (index: number) => {
    selected.value = index;
    const chosen = [...windows, ...spans][index];
    if (chosen && player.current) player.current.currentTime = chosen.start;
  };
  const sayParts = (parts: Span[], what: string) => {
    if (!item) return;
    const sorted = [...parts].sort((a, b) => a.start - b.start);
    const kind = work.rules(item) ? "rule" : "spans";
    work.say([{ kind, example: item.id, label: item.label, boxes: [], spans: sorted }], what);
  };
  const draw = (start: number, end: number) => {
    const label = work.brush.value || suggestionOf(item)?.label || labels[0] || "";
    const made = { label, start: round(Math.min(start, end)), end: round(Math.max(start, end)) };
    if (made.end <= made.start) return;
    sayParts([...spans, made], `part: ${label}`);
    selected.value = windows.length + (work.current.value?.spans.findIndex((one) => one.start === made.start) ?? 0);
  };
  const choose = (label: string) => {
    const mine = spans[span];
    if (mine)
      return sayParts(
        spans.map((one) => (one === mine ? { ...one, label } : one)),
        `part: ${label}`,
      );
    goesOn.current = player.current !== null && !player.current.paused;
    one.choose(label);
  };
  const faster = (by: 1 | -1) => () => {
    const index = Math.min(Math.max(SPEEDS.indexOf(speed.value) + by, 0), SPEEDS.length - 1);
    speed.value = SPEEDS[index] ?? 1;
    if (player.current) player.current.playbackRate = speed.value;
  };
  const loop = () => {
    if (!looping.value && !window) return toast("Choose a part first: W goes to the next one.");
    looping.value = !looping.value;
    if (looping.value) player.current?.play().catch(() => undefined);
  };
  const step = (by: number) => () => {
    goesOn.current = player.current !== null && !player.current.paused;
    work.step(by);
  };
  const doing: Doing = {
    ...one,
    choose,
    keys: {
      next: step(1),
      previous: step(-1),
      play: () => playOrPause(player.current),
      loop,
      part: () => windows.length + spans.length && select((selected.value + 1) % (windows.length + spans.length)),
      none: () => (selected.value = -1),
      span_start: () => (starts.value = player.current?.currentTime ?? null),
      span_end: () => draw(starts.value ?? 0, player.current?.currentTime || seconds.value),
      delete: () => {
        if (spans[span])
          sayParts(
            spans.filter((_, index) => index !== span),
            "part deleted",
          );
        selected.value = -1;
      },
      slower: faster(-1),
      faster: faster(1),
    },
  };
  return (
    <DeskFrame desk={desk} doing={doing}>
      <section id="stage" class="stack" tabIndex={-1} aria-label="Sound">
        {item ? (
          <>
            <Waveform
              {...{ task, item, labels, player, spans }}
              selected={selected.value}
              onSelect={select}
              onDraw={draw}
              onSeconds={(length) => (seconds.value = length)}
            />
            <div class="row">
              {/* biome-ignore lint/a11y/useMediaCaption: a device's recording has none */}
              <audio key={item.id} ref={player} controls src={contentUrl(task, item.id, "wav")} />
              <Button onClick={faster(-1)}>Slower</Button>
              <span class="number">{number(speed.value)} ×</span>
              <Button onClick={faster(1)}>Faster</Button>
              <Button pressed={looping.value} onClick={loop}>
                Loop the part
              </Button>
              <Button onClick={doing.keys.span_start}>A part starts here</Button>
              <Button onClick={doing.keys.span_end}>… and ends here</Button>
              {spans[span] && (
                <Button kind="danger" onClick={doing.keys.delete}>
                  Delete the part
                </Button>
              )}
            </div>
            <p class="muted small">
              {spans[span]
                ? "A label goes to the chosen part."
                : "A label goes to the whole sound. Draw over the waveform to mark a part."}
              {starts.value !== null && ` A part starts at ${number(starts.value)} s.`}
            </p>
            <div class="halves">
              <div class="stack">
                <Choices
                  labels={labels}
                  chosen={spans[span]?.label ?? (item.state === "label" || item.state === "ruled" ? item.label : null)}
                  suggested={suggestionOf(item)?.label}
                  onChoose={(label) => {
                    choose(label);
                    focusStage();
                  }}
                  onOther={desk.pick}
                />
                <About task={task} item={item} />
              </div>
              <div class="stack">
                <Suggestion item={item} />
                <WhoSaid item={item} work={work} onward={one.onward} />
                <Guesses item={item} />
              </div>
            </div>
          </>
        ) : (
          <Nothing task={task} work={work} />
        )}
      </section>
    </DeskFrame>
  );
}

function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
