/** One example at a time. */
import { useEffect, useRef } from "preact/hooks";
import { Empty } from "../ui/parts";
import { Choices } from "./choices";
import { Content } from "./content";
import { DeskFrame, type Doing, MODES, screenPath, useDesk } from "./desk";
import { mediumOf, prefetch } from "./prefetch";
import { About, Guesses, Suggestion, WhoSaid } from "./said";
import type { Item } from "./types";
import { focusStage } from "./use_keys";
import { suggestionOf, type Work } from "./work";

const NEXT = 5;

/** What screens that show one example do alike. */
export function useOne(desk: ReturnType<typeof useDesk>): Omit<Doing, "keys"> & { onward: () => void } {
  const { work, task } = desk;
  const at = work.at.value;
  const line = work.line.value;
  useEffect(() => {
    const next = line.slice(at + 1, at + 1 + NEXT).map((id) => work.items.peek().get(id));
    prefetch(
      task,
      next.filter((item): item is Item => item !== undefined),
    );
  }, [work, task, at, line]);
  const onward = () => {
    work.step(1);
    focusStage();
  };
  return {
    chosen: () => (work.current.value ? [work.current.value.id] : []),
    choose: (label) => {
      const item = work.current.value;
      if (!item) return;
      work.sayLabels([[item.id, label]], label);
      onward();
    },
    onward,
    back: ([example]) => void (example && work.visit(example)),
  };
}

/** How a media element is played and paused by a key. */
export function playOrPause(player: HTMLMediaElement | null): void {
  if (!player) return;
  if (player.paused) player.play().catch(() => undefined);
  else player.pause();
}

export function Focus({ task }: { task: string }) {
  const desk = useDesk(task, "focus");
  const one = useOne(desk);
  const { work, labels } = desk;
  const player = useRef<HTMLMediaElement>(null);
  const item = work.current.value;
  const plays = item && ["sound", "video"].includes(mediumOf(item.media_type));
  const doing: Doing = {
    ...one,
    keys: {
      next: () => work.step(1),
      previous: () => work.step(-1),
      play: plays ? () => playOrPause(player.current) : () => acceptOne(work, one.onward),
    },
  };
  return (
    <DeskFrame desk={desk} doing={doing}>
      <section id="stage" class="focus" tabIndex={-1} aria-label="Example">
        {item ? (
          <>
            <div class="focus-content">
              <Content task={task} item={item} player={player} />
              <About task={task} item={item} />
            </div>
            <div class="focus-side stack">
              <Suggestion item={item} />
              <WhoSaid item={item} work={work} onward={one.onward} />
              <Choices
                labels={labels}
                chosen={item.state === "label" || item.state === "ruled" ? item.label : null}
                suggested={suggestionOf(item)?.label}
                onChoose={one.choose}
                onOther={desk.pick}
              />
              <Guesses item={item} />
            </div>
          </>
        ) : (
          <Nothing task={task} work={work} />
        )}
      </section>
    </DeskFrame>
  );
}

function acceptOne(work: Work, onward: () => void): void {
  const item = work.current.value;
  if (!item || !suggestionOf(item)) return;
  work.accept([item.id]);
  onward();
}

/** The end of a queue, or its beginning while it comes. */
export function Nothing({ task, work }: { task: string; work: Work }) {
  if (work.loading.value || (!work.ended.value && !work.error.value)) return <Empty title="Looking what is next…" />;
  if (work.error.value) return <Empty title="What is next could not be fetched." />;
  return (
    <Empty title={`Nothing is left in “${MODES[work.mode]}”.`}>
      <div class="row">
        {Object.entries(MODES)
          .filter(([mode]) => mode !== work.mode)
          .map(([mode, title]) => (
            <a key={mode} class="button" href={screenPath(task, "focus", { mode })}>
              {title}
            </a>
          ))}
      </div>
    </Empty>
  );
}
