import { milliseconds, number, percent } from "../app/format";
import type { Tried, TryAnswer } from "../app/openapi";
import { Badge, Bar } from "../ui/parts";

const TOP = 5;

/** Where in the file a prediction is: of a sound its seconds, of a picture its place. */
export function where({ span, box }: Tried): string {
  const [begin, end] = span;
  if (begin !== undefined && end !== undefined) return `${begin.toFixed(1)} to ${end.toFixed(1)} s`;
  const [left, top, width, height] = box.map(Math.round);
  return width === undefined ? "" : `${width} × ${height} at ${left}, ${top}`;
}

/** What a server said, the latest part first: its best five labels, and where the time went. */
export function Answer({ answer }: { answer: TryAnswer }) {
  const parts = [...answer.predictions].reverse().slice(0, TOP);
  const { decode_ms, queue_ms, run_ms, interpret_ms } = answer.times;
  return (
    <div class="stack" aria-live="polite">
      {parts.length === 0 && <p class="muted">It found nothing.</p>}
      {parts.map((part) => (
        <section key={`${part.span} ${part.box}`} class="stack answer">
          <div class="row spread">
            <h3>{part.unknown ? "unknown" : part.label}</h3>
            <span class="row small muted">
              {part.uncertain && <Badge level="warning">uncertain</Badge>}
              {where(part)}
            </span>
          </div>
          <ol class="scores">
            {part.scores.slice(0, TOP).map((score) => (
              <li key={score.label}>
                <span>{score.label}</span>
                <Bar share={score.score} level={score.detected ? "ok" : "accent"} />
                <span class="number small">{percent(score.score)}</span>
              </li>
            ))}
          </ol>
        </section>
      ))}
      <p class="small muted number">
        Version {answer.model.version} in {milliseconds(decode_ms + queue_ms + run_ms + interpret_ms)}, of which the
        network {milliseconds(run_ms)}
        {answer.level_db !== null && `; ${number(answer.level_db)} dB at its loudest`}
      </p>
    </div>
  );
}
