import type { ComponentChildren } from "preact";
import { type Block, type Inline, parse, target } from "./markdown";

function Text({ parts, base }: { parts: readonly Inline[]; base: string }) {
  return (
    <>
      {parts.map((part, index): ComponentChildren => {
        if (typeof part === "string") return part;
        if (part.kind === "code") return <code key={index}>{part.text}</code>;
        if (part.kind === "strong") return <strong key={index}>{part.text}</strong>;
        if (part.kind === "em") return <em key={index}>{part.text}</em>;
        const to = "to" in part && target(part.to, base);
        if (!to) return part.text;
        if (part.kind === "image")
          return to.startsWith(base) ? <img key={index} src={to} alt={part.text} loading="lazy" /> : part.text;
        return (
          <a key={index} href={to} target="_blank" rel="noreferrer">
            {part.text}
          </a>
        );
      })}
    </>
  );
}

function One({ block, base }: { block: Block; base: string }) {
  switch (block.kind) {
    case "heading":
      // The page's heading and the panel's are above it.
      return block.level <= 2 ? (
        <h3>
          <Text parts={block.text} base={base} />
        </h3>
      ) : (
        <h4>
          <Text parts={block.text} base={base} />
        </h4>
      );
    case "paragraph":
      return (
        <p>
          <Text parts={block.text} base={base} />
        </p>
      );
    case "code":
      return <pre>{block.text}</pre>;
    case "list": {
      const items = block.items.map((item, index) => (
        <li key={index}>
          <Text parts={item} base={base} />
        </li>
      ));
      return block.ordered ? <ol>{items}</ol> : <ul>{items}</ul>;
    }
    case "table":
      return (
        <div class="table-frame">
          <table>
            <thead>
              <tr>
                {block.head.map((cell, index) => (
                  <th key={index} scope="col">
                    <Text parts={cell} base={base} />
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {block.rows.map((row, index) => (
                <tr key={index}>
                  {row.map((cell, column) => (
                    <td key={column}>
                      <Text parts={cell} base={base} />
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      );
  }
}

/** Markdown as elements; nothing of it is ever taken for HTML. base: where files beside it are fetched. */
export function Markdown({ text, base }: { text: string; base: string }) {
  return (
    <div class="markdown">
      {parse(text).map((block, index) => (
        <One key={index} block={block} base={base} />
      ))}
    </div>
  );
}
