import type { Attention } from "../app/openapi";
import { Icon } from "../ui/icons";

const LEVELS = { error: 0, warning: 1, info: 2 } as const;
const WORDS = { error: "Error", warning: "Warning", info: "Note" } as const;

/** The worst first; among equals, the order in which they came. */
export function byUrgency(items: readonly Attention[]): readonly Attention[] {
  return [...items].sort((a, b) => LEVELS[a.level] - LEVELS[b.level]);
}

/** What needs somebody first. */
export function Attend({ items }: { items: readonly Attention[] }) {
  if (items.length === 0)
    return (
      <p class="note ok">
        <Icon name="check" />
        Nothing needs you.
      </p>
    );
  return (
    <section class="panel" aria-label="What needs attention">
      <ul class="lines">
        {byUrgency(items).map((item) => (
          <li key={`${item.link} ${item.text}`} class={`attend ${item.level}`}>
            <Icon name={item.level} />
            <span class="only-read">{WORDS[item.level]}: </span>
            <span>{item.text}</span>
            {item.link && (
              <a href={item.link} aria-label={`Look at it: ${item.text}`}>
                Look
              </a>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}
