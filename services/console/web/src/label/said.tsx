import { count, moment, percent } from "../app/format";
import { Button, Command } from "../ui/button";
import { Badge, Bar } from "../ui/parts";
import { addCommand } from "./commands";
import type { Item, Said } from "./types";
import { isBlind, suggestionOf, type Work } from "./work";

const WHY: Record<string, string> = {
  margin: "The model hesitates between two labels.",
  models: "Two models do not agree.",
  random: "Drawn at random.",
  wrong: "Somebody called the answer wrong.",
  suggested: "A label is suggested.",
};

/** What the model says of an item, or why that is not shown. */
export function Suggestion({ item }: { item: Item }) {
  const suggestion = suggestionOf(item);
  if (isBlind(item))
    return (
      <p class="label-note">
        Drawn at random to measure the models honestly: what they say is hidden until you have said it, so that it does
        not sway you.
      </p>
    );
  if (!suggestion) return <p class="muted">No model has a suggestion.</p>;
  return (
    <p>
      <span class="muted">Suggestion </span>
      <strong>{suggestion.label || "none of the labels"}</strong>{" "}
      <span class="number">{percent(suggestion.score)}</span>{" "}
      {suggestion.version && <span class="muted small">by {suggestion.version}</span>}
    </p>
  );
}

/** The model's other guesses, and why the item was chosen. */
export function Guesses({ item }: { item: Item }) {
  const scores = item.parts.length === 1 ? (item.parts[0]?.scores.slice(0, 5) ?? []) : [];
  return (
    <div class="guesses stack">
      {scores.length > 1 && (
        <dl>
          {scores.map((score) => (
            <div key={score.label}>
              <dt>{score.label}</dt>
              <dd>
                <Bar share={score.score} />
                <span class="number">{percent(score.score)}</span>
              </dd>
            </div>
          ))}
        </dl>
      )}
      {WHY[item.why] && (item.why !== "margin" || suggestionOf(item)) && <p class="muted small">{WHY[item.why]}</p>}
    </div>
  );
}

function text(said: Said): string {
  if (said.kind === "skip") return "can't say";
  const boxes = said.boxes.length ? count(said.boxes.length, "box", "boxes") : "";
  const spans = said.spans.length ? count(said.spans.length, "part") : "";
  return [said.label, boxes, spans].filter(Boolean).join(", ") || "none of the labels";
}

/** What counts, and who said what; a disagreement is ended by ruling for one of them. */
export function WhoSaid({ item, work, onward }: { item: Item; work: Work; onward: () => void }) {
  const rule = (said: Said) => {
    const { label, boxes, spans } = said;
    work.say([{ kind: "rule", example: item.id, label, boxes, spans }], label);
    onward();
  };
  if (item.state === "none" && item.said.length === 0) return null;
  return (
    <div class="who-said">
      {item.state === "disagreement" && (
        <p>
          <Badge level="warning">People do not agree</Badge> A label that you choose now ends it.
        </p>
      )}
      {(item.state === "label" || item.state === "ruled") && (
        <p>
          <Badge level="ok">{item.state === "ruled" ? "Ruled" : "Labelled"}</Badge>{" "}
          <strong>{item.label || (item.boxes.length || item.spans.length ? "" : "none of the labels")}</strong>
        </p>
      )}
      {item.state === "skip" && <Badge>Skipped</Badge>}
      {item.said.length > 0 && (
        <ul class="stack small">
          {item.said.map((said) => (
            <li key={said.event} class="row spread">
              <span>
                <strong>{said.by}</strong>: {text(said)} <span class="muted">{moment(said.at)}</span>
              </span>
              {item.state === "disagreement" && said.kind !== "skip" && (
                <Button onClick={() => rule(said)}>Rule for {text(said)}</Button>
              )}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** Where an item comes from. */
export function About({ task, item }: { task: string; item: Item }) {
  const parts = [item.name, item.device_id, item.taken_at ? moment(item.taken_at) : "", item.group];
  return (
    <details class="muted small about">
      <summary>{[...new Set(parts.filter(Boolean))].join(" · ") || item.id}</summary>
      <p>The command that says what it is:</p>
      <Command text={addCommand(task, item.id, item.label || suggestionOf(item)?.label || "LABEL")} />
    </details>
  );
}
