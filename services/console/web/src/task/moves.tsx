import { ago, moment } from "../app/format";
import type { Move } from "../app/openapi";
import { path } from "../app/router";
import { Empty } from "../ui/parts";

/** Who moved which environment, from what, to what and why; the newest first. */
export function Moves({ moves }: { moves: readonly Move[] }) {
  if (moves.length === 0) return <Empty title="Nothing has been moved yet." />;
  return (
    <ul class="lines">
      {moves.map((move) => (
        <li key={`${move.at} ${move.task} ${move.environment}`} class="stack move">
          <div class="row spread">
            <span>
              <a href={path("tasks", move.task)}>{move.task}</a> <span class="muted">in {move.environment}</span>
            </span>
            <time class="small muted" dateTime={move.at} title={moment(move.at)}>
              {ago(move.at)}
            </time>
          </div>
          <div class="number">
            {move.action} {move.from_version && `${move.from_version} → `}
            {move.to_version && <a href={path("tasks", move.task, "versions", move.to_version)}>{move.to_version}</a>}
          </div>
          <div class="small muted">
            {move.by || "nobody known"}
            {move.reason && `: ${move.reason}`}
          </div>
        </li>
      ))}
    </ul>
  );
}
