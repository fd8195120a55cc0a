// @vitest-environment node
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const css = readFileSync("src/styles/tokens.css", "utf8");
const tokens = Object.fromEntries(
  [...css.matchAll(/--([a-z-]+): light-dark\((#\w{6}), (#\w{6})\)/g)].map(([, name, light, dark]) => [
    name,
    { light, dark },
  ]),
);

function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function contrast(a: string, b: string): number {
  const [dark = 0, light = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}
const grounds = ["bg", "surface", "raised", "sunken", "hover"];
const pairs = [
  ...["text", "muted", "accent", "error", "warning", "ok"].flatMap((ink) =>
    grounds.map((ground) => [ink, ground, 4.5] as const),
  ),
  ...["ok", "warning", "error", "accent"].map((ink) => [ink, `${ink}-soft`, 4.5] as const),
  ["on-accent", "accent", 4.5] as const,
  ...["surface", "raised"].map((ground) => ["line-strong", ground, 3] as const),
];

describe("contrast by WCAG 2.2 AA", () => {
  for (const mode of ["light", "dark"] as const)
    it.each(pairs)(`${mode}: %s on %s is at least %d`, (ink, ground, least) => {
      expect(contrast(tokens[ink]?.[mode] ?? "", tokens[ground]?.[mode] ?? "")).toBeGreaterThanOrEqual(least);
    });
});
