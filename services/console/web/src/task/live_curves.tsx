import { api } from "../app/api";
import { milliseconds, number, percent } from "../app/format";
import { Live } from "../app/live";
import { useLoad } from "../app/load";
import type { Overview } from "../app/openapi";
import { Shown } from "../app/shown";
import { Curve } from "../ui/curve";
import { Empty, Panel } from "../ui/parts";

/** Requests, unknown answers and p95 of the last hour, as Prometheus has them. */
export function LiveCurves({ task }: { task: string }) {
  const loaded = useLoad(
    "overview production",
    (signal) => api.get<Overview>("/overview?environment=production", { signal }),
    15_000,
  );
  return (
    <Shown loaded={loaded}>
      {(data) => {
        const history = data.tasks.find((tile) => tile.task === task)?.history;
        if (!history)
          return (
            <Empty
              title={
                data.prometheus === "none"
                  ? "No Prometheus is set for the console, which holds the past."
                  : "Prometheus has no answers of this task yet."
              }
            />
          );
        const times = history.map(([time]) => time);
        return (
          <>
            <div>
              <Live loaded={loaded} />
            </div>
            <Panel title="Requests a second">
              <Curve name="requests a second" times={times} values={history.map((row) => row[1])} format={number} />
            </Panel>
            <Panel title="Share of unknown answers">
              <Curve name="unknown" times={times} values={history.map((row) => row[2])} format={percent} />
            </Panel>
            <Panel title="p95 of the answer time">
              <Curve name="p95" times={times} values={history.map((row) => row[3])} format={milliseconds} />
            </Panel>
          </>
        );
      }}
    </Shown>
  );
}
