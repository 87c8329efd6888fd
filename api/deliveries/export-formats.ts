import type { z } from "@hono/zod-openapi";
import type { deliveryAnswer } from "./store.ts";

type Delivery = z.output<typeof deliveryAnswer>;

/** How deliveries are written as lines. */
interface ExportFormat {
  type: string;
  extension: string;
  /** The first line; empty if there is none. */
  header: string;
  lineOf: (delivery: Delivery) => string;
}

const columns = [
  "id",
  "source",
  "recipient",
  "leg",
  "type",
  "channel",
  "priority",
  "queue",
  "status",
  "reason",
  "detail",
  "dueAt",
  "group",
  "attemptCount",
  "createdAt",
  "finishedAt",
] as const satisfies readonly (keyof Delivery)[];

/** Characters with which spreadsheets begin formulas (OWASP, "CSV Injection"). */
const beginsFormula = /^[=+\-@\t\r\n＝＋－＠]/;

/** Writes a field of CSV (RFC 4180). A text that a spreadsheet could take for a formula gets an apostrophe before it. */
export function csvField(value: string | number | null): string {
  if (value === null) return "";
  const text = typeof value === "string" && beginsFormula.test(value) ? `'${value}` : String(value);
  return /[",\r\n']/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export const exportFormats: Record<"csv" | "ndjson", ExportFormat> = {
  csv: {
    type: "text/csv; charset=utf-8",
    extension: "csv",
    header: `${columns.join(",")}\r\n`,
    lineOf: (delivery) => `${columns.map((column) => csvField(delivery[column])).join(",")}\r\n`,
  },
  ndjson: {
    type: "application/x-ndjson",
    extension: "ndjson",
    header: "",
    lineOf: (delivery) => `${JSON.stringify(delivery)}\n`,
  },
};
