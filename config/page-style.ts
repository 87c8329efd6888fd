import { readFileSync } from "node:fs";
import { z } from "zod";

/** The least contrast of text (WCAG 2.2, 1.4.3). */
const leastContrast = 4.5;
const maxLogoBytes = 204_800;

/** The first bytes of each kind of picture, in Latin-1. */
const pictureKinds = [
  { type: "image/png", begins: /^\u0089PNG\r\n/ },
  { type: "image/jpeg", begins: /^\u00ff\u00d8\u00ff/ },
  { type: "image/svg+xml", begins: /^\s*(?:<\?xml[^>]*>\s*)?(?:<!--[^]*?-->\s*)?<svg[\s>]/ },
] as const;

/** A picture that recipients' pages show. */
export interface Picture {
  type: (typeof pictureKinds)[number]["type"];
  bytes: Uint8Array<ArrayBuffer>;
}

/** The schema of the colour behind the white texts of recipients' pages. */
export const pageColor = z
  .string()
  .regex(/^#[\da-f]{6}$/i, "must be a colour such as #1d4ed8")
  .refine(
    (color) => findContrastWithWhite(color) >= leastContrast,
    `must be darker: white text on it needs a contrast of ${leastContrast} to 1`,
  );

/** The contrast of a colour, `#rrggbb`, with white (WCAG 2.2, relative luminance). */
function findContrastWithWhite(color: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return share <= 0.040_45 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05);
}

/** The schema of the file of a picture, which is read at once. */
export const pagePicture = z.string().transform((file, context): Picture => {
  const refuse = (message: string) => {
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  };
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = Uint8Array.from(readFileSync(file));
  } catch {
    return refuse("names a file that cannot be read");
  }
  if (bytes.length > maxLogoBytes) return refuse(`must have at most ${maxLogoBytes} bytes`);
  const head = Buffer.from(bytes.subarray(0, 1_024)).toString("latin1");
  const kind = pictureKinds.find(({ begins }) => begins.test(head));
  return kind ? { type: kind.type, bytes } : refuse("must be a PNG, a JPEG or an SVG");
});
