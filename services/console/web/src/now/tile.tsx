import { milliseconds, number, percent } from "../app/format";
import type { Tile as TileData } from "../app/openapi";
import { path, withQuery } from "../app/router";
import { Badge, Bar, Figure, type Level } from "../ui/parts";
import { Spark } from "../ui/spark";

const STATES: Record<TileData["state"], { level?: Level; text: string }> = {
  serving: { level: "ok", text: "serving" },
  moving: { level: "accent", text: "rolling out" },
  behind: { level: "warning", text: "behind" },
  refused: { level: "error", text: "refused" },
  idle: { text: "no device" },
  empty: { text: "nothing promoted" },
};

/** How much of the latency budget is used, for the bar: over the budget is an error, over 80 % of it a warning. */
export function budget(p95: number | null, limit: number | null): { share: number; level: Level } | null {
  if (p95 === null || !limit) return null;
  const share = p95 / limit;
  return { share, level: share > 1 ? "error" : share > 0.8 ? "warning" : "ok" };
}

export function Tile({ tile }: { tile: TileData }) {
  const state = STATES[tile.state];
  const used = budget(tile.p95_ms, tile.budget_ms);
  const { in_step, total, online } = tile.devices;
  return (
    <article class="panel tile" aria-label={tile.task}>
      <div class="row spread">
        <h2>
          <a href={path("tasks", tile.task)}>{tile.task}</a>
        </h2>
        <Badge level={state.level}>{state.text}</Badge>
      </div>
      <div class="row spread small muted">
        <span class="number">{tile.version ? `version ${tile.version}` : "no version"}</span>
        <span>{tile.input_kind}</span>
      </div>
      <div class="figures">
        <Figure name="Devices in step" note={online < total ? `${total - online} offline` : undefined}>
          {total ? `${in_step} of ${total}` : "none"}
        </Figure>
        <Figure name="Unknown">{percent(tile.unknown_rate)}</Figure>
        <Figure name="p95" note={tile.budget_ms === null ? undefined : `of ${milliseconds(tile.budget_ms)}`}>
          {milliseconds(tile.p95_ms)}
        </Figure>
        <Figure name="False alarms">
          {tile.false_alarms_per_hour === null ? "–" : `${number(tile.false_alarms_per_hour)} / h`}
        </Figure>
      </div>
      {used && <Bar share={used.share} level={used.level} />}
      <div class="tile-foot">
        {tile.history ? (
          <Spark
            values={tile.history.map(([, requests]) => requests)}
            label={`Requests of the last hour, ${number(tile.requests_per_second)} a second now`}
          />
        ) : (
          <span class="small muted">no history</span>
        )}
        <span class="small muted number">
          {tile.requests_per_second === null ? "" : `${number(tile.requests_per_second)} / s`}
        </span>
        <a class="button" href={withQuery({ try: tile.task })}>
          Try it
          <span class="only-read">with {tile.task}</span>
        </a>
      </div>
    </article>
  );
}
