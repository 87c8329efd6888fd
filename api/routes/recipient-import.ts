import { z } from "@hono/zod-openapi";
import { importedRecipient, type ImportedRecipient } from "../../domain/recipient.ts";
import { findUnstorable } from "../../domain/storable.ts";
import { readCsv } from "../import-csv.ts";
import { readLines } from "../import-lines.ts";
import { recordChanges } from "../audit.ts";
import { invalid, jsonPointer, Problem } from "../problem.ts";
import { importRecipients } from "../recipient-store.ts";
import { type ApiDeps, createRouter, defineRoute, responses } from "../router.ts";
import { fieldFaults } from "../validation.ts";

export const importPath = "/v1/recipients/import";

/** Recipients written by one statement. */
const batchSize = 1_000;
/** Errors listed in an answer; all are counted. */
const maxListedErrors = 1_000;

const lineError = z.object({
  line: z.number().int(),
  field: z.string().openapi({
    description: "A column of CSV, a JSON pointer of NDJSON; empty for the line itself",
  }),
  message: z.string(),
});

const outcome = z
  .object({
    lines: z
      .number()
      .int()
      .openapi({ description: "Records read, blank lines and the header left out" }),
    imported: z.number().int(),
    failed: z.number().int(),
    errors: z.array(lineError).openapi({ description: `The first ${maxListedErrors}` }),
  })
  .openapi("ImportOutcome");

const importRoute = defineRoute({
  method: "post",
  path: importPath,
  access: "sender",
  summary: "Create or replace recipients from a stream of any length",
  description:
    "CSV with a header of external_id, email, phone, time_zone, locale and attributes.<name>, or one JSON object a line with externalId beside the fields of " +
    "PUT /v1/recipients/{external id}. A line replaces the recipient as that does; of two lines for one recipient the later wins. Bad lines are reported " +
    "and good ones kept, also when the stream breaks off: repeat it as it is.",
  request: {
    body: {
      required: true,
      content: {
        "text/csv": { schema: z.string() },
        "application/x-ndjson": { schema: z.string() },
      },
    },
  },
  responses: responses(200, "What became of the lines", outcome),
});

type LineError = z.infer<typeof lineError>;

/** A line as a recipient, or what is wrong with it. */
type Read =
  | { line: number; recipient: ImportedRecipient }
  | { line: number; errors: Omit<LineError, "line">[] };

export function recipientImportRoutes(deps: ApiDeps) {
  const { prisma, clock } = deps;

  return createRouter().openapi(importRoute, async (c) => {
    const [type] = (c.req.header("content-type") ?? "").toLowerCase().split(";");
    const read = readers[type!.trim()];
    if (!read)
      throw new Problem("unsupported-media-type", `Send ${Object.keys(readers).join(" or ")}.`, {
        headers: { Accept: Object.keys(readers).join(", ") },
      });

    const result: z.infer<typeof outcome> = { lines: 0, imported: 0, failed: 0, errors: [] };
    let batch = new Map<string, ImportedRecipient>();
    let batchLines = 0;
    const write = async () => {
      await importRecipients(prisma, [...batch.values()], clock());
      result.imported += batchLines;
      batch = new Map();
      batchLines = 0;
    };
    const readAll = async () => {
      // Nothing is read while a batch is written: the sender waits.
      for await (const { line, ...entry } of read(bodyOf(c.req.raw))) {
        result.lines += 1;
        if ("errors" in entry) {
          result.failed += 1;
          for (const error of entry.errors)
            if (result.errors.length < maxListedErrors) result.errors.push({ line, ...error });
          continue;
        }
        batch.set(entry.recipient.externalId, entry.recipient);
        batchLines += 1;
        if (batch.size >= batchSize) await write();
      }
      if (batch.size > 0) await write();
    };
    // One entry for all of it, also where the stream breaks off: good lines are kept.
    const audit = () =>
      recordChanges(
        c,
        prisma,
        [
          {
            action: "recipient.import",
            resource: "recipients",
            after: { imported: result.imported, failed: result.failed },
          },
        ],
        clock(),
      );
    try {
      await readAll();
    } finally {
      if (result.imported > 0) await audit();
    }
    return c.json(result, 200);
  });
}

async function* bodyOf(request: Request): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of request.body ?? []) yield chunk;
  } catch {
    throw new Problem(
      "malformed-body",
      "The stream broke off. What was read before is kept: repeat the import as it is.",
    );
  }
}

const readers: Record<string, (body: AsyncIterable<Uint8Array>) => AsyncGenerator<Read>> = {
  "text/csv": readCsvRecipients,
  "application/x-ndjson": readJsonRecipients,
};

async function* readJsonRecipients(body: AsyncIterable<Uint8Array>): AsyncGenerator<Read> {
  for await (const entry of readLines(body)) {
    const { line } = entry;
    if ("fault" in entry) yield { line, errors: [{ field: "", message: entry.fault }] };
    else if (entry.text.trim() !== "") {
      let value: unknown;
      try {
        value = JSON.parse(entry.text);
      } catch {
        yield { line, errors: [{ field: "", message: "is not JSON" }] };
        continue;
      }
      yield check(line, value, jsonPointer);
    }
  }
}

const columns = new Map<string, "externalId" | "email" | "phone" | "timeZone" | "locale">([
  ["external_id", "externalId"],
  ["email", "email"],
  ["phone", "phone"],
  ["time_zone", "timeZone"],
  ["locale", "locale"],
]);
const attributePrefix = "attributes.";

async function* readCsvRecipients(body: AsyncIterable<Uint8Array>): AsyncGenerator<Read> {
  let header: string[] | null = null;
  for await (const record of readCsv(readLines(body))) {
    const { line } = record;
    if (header === null) header = readHeader(record);
    else if ("fault" in record) yield { line, errors: [{ field: "", message: record.fault }] };
    else if (record.cells.length !== header.length) {
      yield {
        line,
        errors: [
          {
            field: "",
            message: `has ${record.cells.length} cells where the header has ${header.length}`,
          },
        ],
      };
    } else {
      const value: Record<string, unknown> = {};
      const attributes: Record<string, string> = {};
      for (const [index, column] of header.entries()) {
        const cell = record.cells[index]!;
        // An empty cell is a value left out.
        if (cell === "") continue;
        const field = columns.get(column);
        if (field) value[field] = cell;
        else attributes[column.slice(attributePrefix.length)] = cell;
      }
      yield check(line, { ...value, attributes }, columnOf);
    }
  }
  if (header === null)
    throw invalid([
      {
        in: "body",
        field: "",
        message: `is empty: the first line must be a header such as ${[...columns.keys()].join(",")}`,
      },
    ]);
}

function readHeader(record: { cells: string[] } | { fault: string }): string[] {
  if ("fault" in record)
    throw invalid([{ in: "body", field: "", message: `has a header that ${record.fault}` }]);
  const header = record.cells.map((cell) => cell.trim());
  const fault = (message: string) => ({
    in: "body" as const,
    field: "",
    message: `has a header ${message}`,
  });
  const errors = header
    .filter(
      (column) =>
        !columns.has(column) &&
        !(column.startsWith(attributePrefix) && column.length > attributePrefix.length),
    )
    .map((column) =>
      fault(
        `with the column ${JSON.stringify(column.slice(0, 100))}: name it ${attributePrefix}<name>, or one of ${[...columns.keys()].join(", ")}`,
      ),
    );
  if (!header.includes("external_id")) errors.push(fault("without external_id"));
  if (new Set(header).size < header.length) errors.push(fault("that names a column twice"));
  if (errors.length > 0) throw invalid(errors);
  return header;
}

function columnOf(path: readonly PropertyKey[]): string {
  const [first, ...rest] = path.map(String);
  for (const [column, field] of columns) if (field === first) return column;
  return [first, ...rest].join(".");
}

function check(
  line: number,
  value: unknown,
  fieldOf: (path: readonly PropertyKey[]) => string,
): Read {
  const unstorable = findUnstorable(value);
  if (unstorable)
    return { line, errors: [{ field: fieldOf(unstorable.path), message: unstorable.message }] };
  const parsed = importedRecipient.safeParse(value);
  if (parsed.success) return { line, recipient: parsed.data };
  return { line, errors: fieldFaults(parsed.error, fieldOf) };
}
