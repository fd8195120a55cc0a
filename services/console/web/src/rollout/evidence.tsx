import { number } from "../app/format";
import type { Evidence } from "../app/openapi";
import { Badge, Bar } from "../ui/parts";
import { evidenceBar } from "./lanes";

/** A bar a rule; the mark is its limit. Those that fire come first. */
export function EvidenceList({ evidence }: { evidence: readonly Evidence[] }) {
  const inOrder = [...evidence].sort((a, b) => Number(b.fires) - Number(a.fires));
  return (
    <ul class="evidence">
      {inOrder.map((one) => {
        const bar = evidenceBar(one);
        return (
          <li key={one.rule}>
            <span class="row">
              <strong>{one.rule}</strong>
              {one.fires && <Badge level={bar.level}>{one.then === "pause" ? "pauses" : "stops"} it</Badge>}
            </span>
            <Bar share={bar.share} limit={bar.limit} level={bar.level} />
            <span class="number small">
              {number(one.value)} <span class="muted">of {number(one.limit)}</span>
            </span>
            <span class="small muted sentence">{one.sentence}</span>
          </li>
        );
      })}
    </ul>
  );
}
