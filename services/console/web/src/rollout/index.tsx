import { api, hasRole } from "../app/api";
import { explain, rollback, steer, watch } from "../app/commands";
import { ago, duration, moment, number, percent } from "../app/format";
import { Live } from "../app/live";
import { useLoad } from "../app/load";
import type { ArmComparison, Rollout as RolloutData, RolloutView } from "../app/openapi";
import { path, place } from "../app/router";
import { Shown } from "../app/shown";
import { Command } from "../ui/button";
import { Badge, Empty, Page, Panel } from "../ui/parts";
import { Table } from "../ui/table";
import { toast } from "../ui/toast";
import { EvidenceList } from "./evidence";
import { isOpen, plan, position, STATE_LEVEL } from "./lanes";
import { Lanes } from "./lanes_view";
import { Reasoned } from "./reasoned";

/** A version on its way: where each device is, what each rule sees, and why it stands or stopped. */
export function Rollout({ task, environment }: { task: string; environment: string }) {
  const id = place.value.query.get("id") ?? "";
  const here = path("rollouts", task, environment);
  const loaded = useLoad(
    `${here} ${id}`,
    (signal) => api.get<RolloutView>(`${here}?id=${encodeURIComponent(id)}`, { signal }),
    2000,
  );
  return (
    <Page
      title={`${task} in ${environment}`}
      above={<a href="/rollouts">Rollouts</a>}
      actions={
        <>
          {loaded.data && hasRole("operator") && <Steering rollout={loaded.data.rollout} reload={loaded.reload} />}
          <Live loaded={loaded} />
        </>
      }
    >
      <Shown loaded={loaded}>{(view) => <View view={view} />}</Shown>
      <Command
        text={loaded.data && !isOpen(loaded.data.rollout) ? explain(task, environment) : watch(task, environment)}
      />
    </Page>
  );
}

function Steering({ rollout, reload }: { rollout: RolloutData; reload: () => Promise<void> }) {
  const { task, environment, state } = rollout;
  const act =
    (step: "pause" | "resume" | "abort", said: string, advance = false) =>
    async (reason: string) => {
      await api.post(`${path("rollouts", task, environment)}/${step}`, { reason, advance });
      toast(said);
      await reload();
    };
  const waits = rollout.stages[rollout.stage]?.holds;
  const back = async (reason: string) => {
    await api.post(path("tasks", task, "rollback"), { environment, reason });
    toast(`${environment} goes back to the version before.`);
    await reload();
  };
  if (!isOpen(rollout))
    return state === "succeeded" ? (
      <Reasoned
        title="Roll back"
        text={`${environment} of ${task} goes back to ${rollout.from_version || "the version before"}, at once and on every device.`}
        command={(reason) => rollback(task, environment, reason)}
        run={back}
      />
    ) : null;
  return (
    <>
      {state !== "paused" && (
        <Reasoned
          title="Pause"
          kind="primary"
          text="Every device stays where it is, until somebody resumes or aborts. Rules that stop a version go on watching."
          command={(reason) => steer("pause", task, environment, reason)}
          run={act("pause", "It is paused.")}
        />
      )}
      {(state === "paused" || waits) && (
        <Reasoned
          title={waits ? "Go on to the next stage" : "Resume"}
          kind="primary"
          text={waits ? "The next stage begins now, whatever the rules wait for." : "It goes on from where it stands."}
          command={(reason) => steer("resume", task, environment, reason, waits)}
          run={act("resume", "It goes on.", waits)}
        />
      )}
      <Reasoned
        title="Abort"
        text={`Every device goes back to ${rollout.from_version || "the version before"}, which it still has at hand.`}
        command={(reason) => steer("abort", task, environment, reason)}
        run={act("abort", "It is stopped; every device goes back.")}
      />
    </>
  );
}

function View({ view }: { view: RolloutView }) {
  const { rollout } = view;
  const { verdict } = rollout;
  return (
    <>
      <section class="panel">
        <div class="body stack">
          <div class="row spread">
            <span class="versions number">
              <a href={path("tasks", rollout.task, "versions", rollout.from_version)}>
                {rollout.from_version || "nothing"}
              </a>
              <span class="muted"> → </span>
              <a href={path("tasks", rollout.task, "versions", rollout.to_version)}>{rollout.to_version}</a>
            </span>
            <Badge level={STATE_LEVEL[rollout.state]}>{position(rollout)}</Badge>
          </div>
          {verdict && (
            <p class={`verdict ${STATE_LEVEL[rollout.state] ?? ""}`}>
              <strong>
                {verdict.rule === "operator"
                  ? "A person decided"
                  : verdict.rule
                    ? `Rule ${verdict.rule}`
                    : verdict.kind}
              </strong>
              : {verdict.sentence}
            </p>
          )}
          {view.explanation && view.explanation !== verdict?.sentence && <p class="explanation">{view.explanation}</p>}
          <p class="small muted">
            {plan(rollout)}. {rollout.profile}, rules {rollout.rules}, by {rollout.by || "nobody known"}
            {rollout.reason && `: ${rollout.reason}`}. Begun {moment(rollout.started_at)}
            {rollout.ended_at
              ? `, ended after ${duration((Date.parse(rollout.ended_at) - Date.parse(rollout.started_at)) / 1000)}`
              : `, at this stage since ${ago(rollout.stage_since)}`}
            .
          </p>
        </div>
      </section>
      <Panel title="Devices by stage">
        <Lanes view={view} />
      </Panel>
      <Panel title="What each rule sees">
        {view.evidence.length > 0 ? (
          <EvidenceList evidence={view.evidence} />
        ) : verdict && verdict.evidence.length > 0 ? (
          <EvidenceList evidence={verdict.evidence} />
        ) : (
          <Empty title="No rule has seen anything yet." />
        )}
      </Panel>
      {view.comparisons.length > 0 && <Comparisons rollout={rollout} comparisons={view.comparisons} />}
    </>
  );
}

function Comparisons({ rollout, comparisons }: { rollout: RolloutData; comparisons: readonly ArmComparison[] }) {
  const text = (row: ArmComparison, value: number) =>
    row.measure === "latency" ? `${number(value * 1000)} ms` : percent(value, 2);
  const better = (row: ArmComparison) =>
    row.better === "to" ? rollout.to_version : row.better === "from" ? rollout.from_version : "";
  return (
    <Panel title="The two versions side by side" flush>
      <Table
        caption="Measures of both versions"
        rows={comparisons}
        rowKey={(row) => row.measure}
        columns={[
          { id: "measure", title: "Measure", cell: (row) => row.measure },
          {
            id: "from",
            title: rollout.from_version,
            cell: (row) => `${text(row, row.from_value)} of ${number(row.from_samples)}`,
            end: true,
          },
          {
            id: "to",
            title: rollout.to_version,
            cell: (row) => `${text(row, row.to_value)} of ${number(row.to_samples)}`,
            end: true,
          },
          {
            id: "difference",
            title: "Difference, 95 %",
            cell: (row) => `${text(row, row.difference)} (${text(row, row.low)} to ${text(row, row.high)})`,
            end: true,
          },
          {
            id: "better",
            title: "Better",
            cell: (row) =>
              better(row) || (
                <span class="muted">
                  {row.more_seconds ? `can be told in about ${duration(row.more_seconds)}` : "nobody can tell yet"}
                </span>
              ),
          },
        ]}
      />
    </Panel>
  );
}
