import { render } from "preact";
import { describe, expect, it } from "vitest";
import { parse, parseInline, target } from "../src/ui/markdown";
import { Markdown } from "../src/ui/markdown_view";

describe("a model card", () => {
  it("is taken apart", () => {
    const blocks = parse(
      "# Title\n\nOne\ntwo `x`.\n- a\n  goes on\n- **b**\n\n| h | i |\n|---|--:|\n| 1 | a \\| b |\n\n```\n# no heading\n```\n1. first",
    );
    expect(blocks.map(({ kind }) => kind)).toEqual(["heading", "paragraph", "list", "table", "code", "list"]);
    expect(blocks[1]).toEqual({ kind: "paragraph", text: ["One two ", { kind: "code", text: "x" }, "."] });
    expect(blocks[2]).toEqual({
      kind: "list",
      ordered: false,
      items: [["a goes on"], [{ kind: "strong", text: "b" }]],
    });
    expect(blocks[3]).toEqual({ kind: "table", head: [["h"], ["i"]], rows: [[["1"], ["a | b"]]] });
    expect(blocks[4]).toEqual({ kind: "code", text: "# no heading" });
  });
  it("ends for any text", () => {
    for (const text of ["", "|", "|\n|-|", "```", "- ", "# ", "*", "[a](", "a\n  b\n\n\n  c", "1)", "| a\n--"])
      expect(Array.isArray(parse(text))).toBe(true);
    expect(parseInline("2 * 3 * 4")).toEqual(["2 * 3 * 4"]);
  });
  it("leads to the web and to files beside it, and nowhere else", () => {
    const base = "/api/v1/files";
    expect(target("https://example.org/a", base)).toBe("https://example.org/a");
    expect(target("confusion.png", base)).toBe("/api/v1/files/confusion.png");
    for (const bad of [
      "javascript:alert(1)",
      "JAVASCRIPT:x",
      "data:text/html,x",
      "/etc/passwd",
      "../../other",
      "a/../b",
      "#x",
      "//evil.example",
    ])
      expect(target(bad, base)).toBeNull();
  });
  it("is never taken for HTML", () => {
    const root = document.createElement("div");
    render(
      <Markdown
        base="/files"
        text={"<img src=x onerror=alert(1)> ![p](plot.png) ![q](https://e.org/x.png) [go](javascript:alert(1))"}
      />,
      root,
    );
    expect([...root.querySelectorAll("img")].map((image) => image.getAttribute("src"))).toEqual(["/files/plot.png"]);
    expect(root.querySelector("a")).toBeNull();
    expect(root.textContent).toContain("<img src=x onerror=alert(1)>");
  });
});
