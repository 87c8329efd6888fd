import { type IdPrefix, omitUndefined, readId, readSeveral, readText } from "../shell/url.ts";
import { type ContentChannel, contentChannels } from "./fields.ts";

/** What the address of the templates says. */
export interface TemplatesSearch {
  /** Those that are not archived if it is left out. */
  show?: "archived" | "all" | undefined;
  q?: string | undefined;
  cursor?: string | undefined;
}

/** Reads the search of an address. Whatever is not valid becomes undefined. */
export const readTemplatesSearch = (raw: Record<string, unknown>): TemplatesSearch => ({
  show: readSeveral(raw["show"], ["archived", "all"])?.[0],
  q: readText(raw["q"], 200),
  cursor: readText(raw["cursor"], 1_000),
});

/** What the address of an editor says. */
export interface EditorSearch {
  /** The version that is shown; the latest if it is left out. */
  version?: string | undefined;
  /** The version that the text is compared with. */
  compare?: string | undefined;
  channel?: ContentChannel | undefined;
  /** A locale of the content; the default content if it is left out. */
  locale?: string | undefined;
  /** The recipient for whom the preview is made; an example if it is left out. */
  recipient?: string | undefined;
  width?: "phone" | undefined;
  scheme?: "dark" | undefined;
  part?: PreviewPart | undefined;
}

const previewParts = ["html", "text", "headers"] as const;
export type PreviewPart = (typeof previewParts)[number];

const readNumber = (raw: unknown) =>
  typeof raw === "string" && /^[1-9]\d{0,8}$/.test(raw) ? raw : undefined;
const readLocale = (raw: unknown) =>
  typeof raw === "string" && /^[a-zA-Z]{2,8}(?:-[a-zA-Z0-9]{1,8}){0,6}$/.test(raw)
    ? raw
    : undefined;
const recipientPrefix: IdPrefix = "rcp";

/** Reads the search of an address. Whatever is not valid becomes undefined. */
export const readEditorSearch = (raw: Record<string, unknown>): EditorSearch => ({
  version: readNumber(raw["version"]),
  compare: readNumber(raw["compare"]),
  channel: readSeveral(raw["channel"], contentChannels)?.[0],
  locale: readLocale(raw["locale"]),
  recipient: readId(raw["recipient"], recipientPrefix),
  width: raw["width"] === "phone" ? "phone" : undefined,
  scheme: raw["scheme"] === "dark" ? "dark" : undefined,
  part: readSeveral(raw["part"], previewParts)?.[0],
});

/** The query of the API for the templates that an address shows. */
export const templatesQueryOf = ({ show, q, cursor }: TemplatesSearch) => ({
  limit: "50",
  ...(show !== "all" && { archived: show === "archived" ? ("true" as const) : ("false" as const) }),
  ...omitUndefined({ q, cursor }),
});
