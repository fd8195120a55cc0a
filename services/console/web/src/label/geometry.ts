/** Boxes on a picture, in its pixels. */
import type { Box, Part } from "./types";

export type Handle = "nw" | "ne" | "sw" | "se";
export const HANDLES: readonly Handle[] = ["nw", "ne", "sw", "se"];

const SMALLEST = 2;

export interface Size {
  width: number;
  height: number;
}

interface Point {
  x: number;
  y: number;
}

/** The box between two corners, in whichever order, cut to the picture. */
export function boxBetween(a: Point, b: Point, label: string, picture: Size): Box {
  const [x0, x1] = [clamp(Math.min(a.x, b.x), picture.width), clamp(Math.max(a.x, b.x), picture.width)];
  const [y0, y1] = [clamp(Math.min(a.y, b.y), picture.height), clamp(Math.max(a.y, b.y), picture.height)];
  return rounded({ label, left: x0, top: y0, width: x1 - x0, height: y1 - y0 });
}

/** Whether it is more than a click. */
export function isBox(box: Box): boolean {
  return box.width >= SMALLEST && box.height >= SMALLEST;
}

/** Moves it, and keeps all of it in the picture. */
export function moved(box: Box, dx: number, dy: number, picture: Size): Box {
  return rounded({
    ...box,
    left: clamp(box.left + dx, picture.width - box.width),
    top: clamp(box.top + dy, picture.height - box.height),
  });
}

/** Draws one corner elsewhere; beyond the opposite corner the box turns over. */
export function resized(box: Box, handle: Handle, to: Point, picture: Size): Box {
  const opposite = {
    x: handle.endsWith("w") ? box.left + box.width : box.left,
    y: handle.startsWith("n") ? box.top + box.height : box.top,
  };
  const made = boxBetween(opposite, to, box.label, picture);
  return { ...made, width: Math.max(made.width, SMALLEST), height: Math.max(made.height, SMALLEST) };
}

/** Its lower right corner moved. */
export function grown(box: Box, dx: number, dy: number, picture: Size): Box {
  return rounded({
    ...box,
    width: Math.min(Math.max(box.width + dx, SMALLEST), picture.width - box.left),
    height: Math.min(Math.max(box.height + dy, SMALLEST), picture.height - box.top),
  });
}

/** A new one in the middle, a third of the picture: for the keyboard. */
export function middle(label: string, picture: Size): Box {
  const { width, height } = picture;
  return rounded({ label, left: width / 3, top: height / 3, width: width / 3, height: height / 3 });
}

/** Where a corner is. */
export function corner(box: Box, handle: Handle): Point {
  return {
    x: handle.endsWith("w") ? box.left : box.left + box.width,
    y: handle.startsWith("n") ? box.top : box.top + box.height,
  };
}

/** What the detector found. */
export function detected(parts: readonly Part[]): Box[] {
  return parts
    .filter((part) => part.box.length === 4)
    .map((part) => {
      const [left = 0, top = 0, width = 0, height = 0] = part.box;
      return { label: part.label || (part.scores[0]?.label ?? ""), left, top, width, height };
    });
}

function clamp(value: number, high: number): number {
  return Math.min(Math.max(value, 0), Math.max(high, 0));
}

function rounded(box: Box): Box {
  const tenth = (value: number): number => Math.round(value * 10) / 10;
  return { ...box, left: tenth(box.left), top: tenth(box.top), width: tenth(box.width), height: tenth(box.height) };
}
