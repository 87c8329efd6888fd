import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { pageColor, pagePicture } from "./page-style.ts";

it("takes a colour only if white text on it can be read", () => {
  expect(pageColor.parse("#1d4ed8")).toBe("#1d4ed8");
  // #767676 is the lightest grey with a contrast of 4.5 to 1, as WCAG's own examples say.
  expect(pageColor.safeParse("#767676").success).toBe(true);
  for (const color of ["#777777", "#ffcc00", "blue", "#12345", "#1d4ed8; x: y"])
    expect([color, pageColor.safeParse(color).success]).toEqual([color, false]);
});

it("reads a picture, and refuses what is none", () => {
  const folder = mkdtempSync(join(tmpdir(), "page-style-"));
  const write = (name: string, content: string | Buffer) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const svg = '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>';
  expect(pagePicture.parse(write("a.svg", svg)).type).toBe("image/svg+xml");
  const png = Buffer.from("89504e470d0a1a0a", "hex");
  expect(pagePicture.parse(write("a.png", png))).toEqual({
    type: "image/png",
    bytes: Uint8Array.from(png),
  });
  const refused = [
    write("a.html", "<html><svg></svg></html>"),
    write("b.png", Buffer.concat([png, Buffer.alloc(204_800)])),
    join(folder, "missing.png"),
  ];
  for (const file of refused) expect(pagePicture.safeParse(file).success).toBe(false);
});
