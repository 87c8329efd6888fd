import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { deliveryStatuses } from "../../domain/delivery/status.ts";

const css = readFileSync(join(import.meta.dirname, "tokens.css"), "utf8");
const themes = ["light", "dark"] as const;

/** Reads the colour that a token has in a theme, as red, green and blue from 0 to 1. */
function colorOf(token: string, theme: (typeof themes)[number]): number[] {
  const value = new RegExp(`--${token}:\\s*([^;]+);`).exec(css)?.[1] ?? "";
  const colors = value.match(/#[0-9a-f]{6}/g) ?? [];
  const hex = colors[theme === "dark" ? 1 : 0] ?? colors[0];
  if (hex === undefined) throw new Error(`--${token} has no colour`);
  return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255);
}

/** The relative luminance that WCAG 2 defines. */
function luminanceOf(color: number[]): number {
  const [red = 0, green = 0, blue = 0] = color.map((part) =>
    part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4,
  );
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrastOf(one: string, other: string, theme: (typeof themes)[number]): number {
  const [low, high] = [one, other]
    .map((token) => luminanceOf(colorOf(token, theme)))
    .sort((a, b) => a - b) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

const grounds = ["ground", "surface", "sunken", "hover", "selected"];
const texts = [
  ...["text", "text-muted", "accent"].flatMap((text) =>
    grounds.map((ground) => [text, ground] as const),
  ),
  ...["failed", "unknown", "delivered"].map((text) => [text, "surface"] as const),
  ...["action", "action-hover", "danger", "danger-hover"].map(
    (ground) => ["on-action", ground] as const,
  ),
  ...deliveryStatuses.map((status) => [status, `${status}-ground`] as const),
];
/** The edges of controls, the focus and the segments of bars, which are no text. */
const marks = [
  ...["line-strong", "focus"].flatMap((mark) =>
    ["ground", "surface"].map((ground) => [mark, ground] as const),
  ),
  ...deliveryStatuses.map((status) => [status, "surface"] as const),
];

describe.each(themes)("the %s theme", (theme) => {
  it.each(texts)("%s is legible on %s", (text, ground) => {
    expect(contrastOf(text, ground, theme)).toBeGreaterThanOrEqual(4.5);
  });

  it.each(marks)("%s stands out from %s", (mark, ground) => {
    expect(contrastOf(mark, ground, theme)).toBeGreaterThanOrEqual(3);
  });
});
