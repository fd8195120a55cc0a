/** The Markdown of model cards, as a tree: headings, paragraphs, lists, tables, code. What it does not know stays text. */
export type Inline =
  | string
  | { kind: "code" | "strong" | "em"; text: string }
  | { kind: "link" | "image"; text: string; to: string };

export type Block =
  | { kind: "heading"; level: number; text: Inline[] }
  | { kind: "paragraph"; text: Inline[] }
  | { kind: "code"; text: string }
  | { kind: "list"; ordered: boolean; items: Inline[][] }
  | { kind: "table"; head: Inline[][]; rows: Inline[][][] };

const INLINE =
  /`([^`]+)`|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*|(!?)\[([^\]]*)\]\(([^()\s]+)\)|<(https?:\/\/[^>\s]+)>|\\([\\`*_{}[\]()#+.!|<>-])/g;

export function parseInline(text: string): Inline[] {
  const parts: Inline[] = [];
  const add = (part: Inline) => {
    const before = parts.at(-1);
    if (typeof part === "string" && typeof before === "string") parts[parts.length - 1] = before + part;
    else if (part !== "") parts.push(part);
  };
  let at = 0;
  for (const found of text.matchAll(INLINE)) {
    const [whole, code, strong, em, bang, label, to, bare, escaped] = found;
    add(text.slice(at, found.index));
    at = found.index + whole.length;
    if (code !== undefined) add({ kind: "code", text: code });
    else if (strong !== undefined) add({ kind: "strong", text: strong });
    else if (em !== undefined) add({ kind: "em", text: em });
    else if (bare !== undefined) add({ kind: "link", text: bare, to: bare });
    else if (escaped !== undefined) add(escaped);
    else if (to !== undefined) add({ kind: bang ? "image" : "link", text: label ?? "", to });
  }
  add(text.slice(at));
  return parts;
}

function cells(line: string): Inline[][] {
  const inside = line
    .trim()
    .replace(/^\|/, "")
    .replace(/(?<!\\)\|$/, "");
  return inside.split(/(?<!\\)\|/).map((cell) => parseInline(cell.trim()));
}

const IS_RULE = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;
const ITEM = /^\s*(?:[-*+]|(\d+)[.)])\s+(.*)$/;

export function parse(markdown: string): Block[] {
  const lines = markdown.replaceAll("\r\n", "\n").split("\n");
  const blocks: Block[] = [];
  let at = 0;
  const line = () => lines[at] ?? "";
  const startsBlock = () =>
    line().trim() === "" ||
    /^(#{1,6}\s|```)/.test(line()) ||
    ITEM.test(line()) ||
    (line().includes("|") && IS_RULE.test(lines[at + 1] ?? ""));
  while (at < lines.length) {
    const heading = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line());
    const item = ITEM.exec(line());
    if (line().trim() === "") at += 1;
    else if (heading) {
      blocks.push({ kind: "heading", level: heading[1]?.length ?? 1, text: parseInline(heading[2] ?? "") });
      at += 1;
    } else if (line().startsWith("```")) {
      const begin = ++at;
      while (at < lines.length && !line().startsWith("```")) at += 1;
      blocks.push({ kind: "code", text: lines.slice(begin, at).join("\n") });
      at += 1;
    } else if (line().includes("|") && IS_RULE.test(lines[at + 1] ?? "")) {
      const head = cells(line());
      const rows: Inline[][][] = [];
      for (at += 2; line().includes("|"); at += 1) rows.push(cells(line()));
      blocks.push({ kind: "table", head, rows });
    } else if (item) {
      const items: string[] = [];
      for (let next: RegExpExecArray | null = item; next || /^\s+\S/.test(line()); next = ITEM.exec(line())) {
        if (next) items.push(next[2] ?? "");
        else items[items.length - 1] += ` ${line().trim()}`;
        at += 1;
      }
      blocks.push({ kind: "list", ordered: item[1] !== undefined, items: items.map(parseInline) });
    } else {
      const text = [line().trim()];
      for (at += 1; at < lines.length && !startsBlock(); at += 1) text.push(line().trim());
      blocks.push({ kind: "paragraph", text: parseInline(text.join(" ")) });
    }
  }
  return blocks;
}

/** Where a link may lead: the web, or a file beside the card below `base`. Anything else leads nowhere. */
export function target(to: string, base: string): string | null {
  if (/^https?:\/\//i.test(to)) return to;
  if (/^[a-z][a-z0-9+.-]*:|^\/|^#|(^|\/)\.\.(\/|$)/i.test(to)) return null;
  return `${base}/${to}`;
}
