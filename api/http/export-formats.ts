import { z } from "@hono/zod-openapi";
import { problemResponse } from "./router.ts";

type Cell = string | number | boolean | null | readonly string[];

/** The columns of a list in CSV, in their order, with what each has of an item. */
export type Columns<Item> = Readonly<Record<string, (item: Item) => Cell>>;

/** Makes columns that have the fields of an item by the same names. */
export function columnsOf<Item>() {
  return <Name extends string & keyof Item>(
    ...names: readonly (Item[Name] extends Cell ? Name : never)[]
  ): Columns<Item> =>
    Object.fromEntries(names.map((name) => [name, (item: Item) => item[name] as Cell]));
}

/** Characters with which spreadsheets begin formulas (OWASP, "CSV Injection"). */
const beginsFormula = /^[=+\-@\t\r\n＝＋－＠]/;

/**
 * Writes a field of CSV (RFC 4180). A text that a spreadsheet could take for a formula gets an apostrophe before it. Several texts are
 * separated by spaces.
 */
export function csvField(value: Cell): string {
  if (value === null) return "";
  if (typeof value === "object") return csvField(value.join(" "));
  const text = typeof value === "string" && beginsFormula.test(value) ? `'${value}` : String(value);
  return /[",\r\n']/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** How items are written as lines. */
interface ExportFormat {
  type: string;
  /** The first line; empty if there is none. */
  header: <Item>(columns: Columns<Item>) => string;
  lineOf: <Item>(columns: Columns<Item>, item: Item) => string;
}

const formatNames = ["csv", "ndjson"] as const;
export type FormatName = (typeof formatNames)[number];

/** The formats of exports. Their names are also the endings of files. */
export const exportFormats: Record<FormatName, ExportFormat> = {
  csv: {
    type: "text/csv; charset=utf-8",
    header: (columns) => `${Object.keys(columns).join(",")}\r\n`,
    lineOf: (columns, item) =>
      `${Object.values(columns)
        .map((cellOf) => csvField(cellOf(item)))
        .join(",")}\r\n`,
  },
  ndjson: {
    type: "application/x-ndjson",
    header: () => "",
    lineOf: (_, item) => `${JSON.stringify(item)}\n`,
  },
};

/** The parameter with the format of an export. */
export const exportFormat = {
  format: z.enum(formatNames).default("csv").openapi({
    description:
      "`csv`: with a header line; a value that a spreadsheet could take for a formula begins with an apostrophe. `ndjson`: one item for each line, as the list shows it",
  }),
};

/**
 * Makes the responses of a route that exports a list.
 * @param leftOut what CSV lacks, and how its cells differ from the list, as sentences
 */
export const exportResponses = (what: string, leftOut: string) => ({
  200: {
    description: `The ${what}, the newest first. They are read while they are sent: each appears once, as it was when it was read. ${leftOut} An export that fails midway breaks the connection, so that nobody takes a part for the whole. The audit trail has the filters, the number of lines, and whether the export is complete`,
    content: {
      "text/csv": { schema: z.string().openapi({ example: "id,createdAt\r\n" }) },
      "application/x-ndjson": { schema: z.string().openapi({ example: "{}\n" }) },
    },
  },
  ...problemResponse,
});
