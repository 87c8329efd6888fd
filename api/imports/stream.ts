import { MIMEType } from "node:util";
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { PoolClient } from "pg";
import { inTransaction } from "../../ledger/transaction.ts";
import { cutText } from "../../domain/text.ts";
import { type Change, createRunningEntry, recordChangesOver } from "../http/audit.ts";
import type { ApiEnv } from "../http/context.ts";
import { findCharset, usualCharsets } from "./charset.ts";
import {
  type CsvOptions,
  readCsvRecords,
  readNdjsonRecords,
  type RecordFault,
  type RecordKind,
  type RecordReader,
} from "./records.ts";
import { refuseEncoded } from "../http/json-body.ts";
import { invalid, Problem } from "../http/problem.ts";
import type { ApiDeps } from "../http/router.ts";

// Imports are streams of any length, read as they arrive. One statement writes a thousand records, and nothing is read meanwhile.
// Invalid records are reported and valid ones stored, also if the stream breaks off.

/** The number of records that one statement writes. */
const batchSize = 1_000;
/** The number of errors that a response lists. Further errors are only counted. */
const maxListedErrors = 1_000;

/** The part of an import's description that describes its files. */
export const importDescription =
  "Files are UTF-8, unless the `charset` of their Content-Type or their byte order mark names another character set. Common character sets are decoded; an unknown one is " +
  "refused. The cells of CSV may be separated by commas, semicolons, tabs or bars, as the header shows, or as a line such as `sep=;` before it declares. The names of columns may be " +
  "those that address books export, or are given by `columns`. A blank cell is a missing value, and a record may have fewer cells than the header. ";

/** Makes the `request.body` of a route that imports a stream. The route must have the class `import`, which leaves its body unread. */
export function importBody(example: { csv: string; ndjson: string }) {
  return {
    required: true,
    content: {
      "text/csv": { schema: z.string().openapi({ example: example.csv }) },
      "application/x-ndjson": { schema: z.string().openapi({ example: example.ndjson }) },
    },
  };
}

export const importOutcome = z
  .object({
    lines: z.number().int().openapi({
      description: "The number of records, without blank lines and the header",
      example: 1000,
    }),
    imported: z.number().int().openapi({
      description: "The number of accepted records: created, changed and unchanged",
      example: 999,
    }),
    created: z.number().int().openapi({ example: 900 }),
    changed: z.number().int().openapi({ example: 90 }),
    unchanged: z
      .number()
      .int()
      .openapi({ description: "The number of records that changed nothing", example: 9 }),
    failed: z
      .number()
      .int()
      .openapi({ description: "The number of invalid records, which were not stored", example: 1 }),
    errors: z
      .array(
        z.object({
          line: z.number().int().openapi({ example: 17 }),
          field: z.string().openapi({
            description: "A column of CSV or a JSON pointer of NDJSON; empty for the whole line",
            example: "email",
          }),
          message: z
            .string()
            .openapi({ example: "must be an email address, such as ada@example.org" }),
        }),
      )
      .openapi({ description: `The first ${maxListedErrors} errors of invalid records` }),
    hints: z
      .array(
        z.object({
          column: z.string().openapi({ example: "attributes.age" }),
          message: z.string().openapi({
            example:
              "has only numbers and was imported as text: to import it as number, use ?types=age:number",
          }),
        }),
      )
      .openapi({ description: "Columns that may have been imported differently than you meant" }),
  })
  .openapi("ImportOutcome");

type ImportOutcome = z.infer<typeof importOutcome>;

/** A record, and the line it begins on. */
interface ImportItem<Item> {
  line: number;
  item: Item;
}

/** The outcome of writing a batch. */
interface Written {
  created: number;
  changed: number;
  unchanged: number;
  /** Records that cannot be applied to what is stored, by their lines. */
  refused?: { line: number; faults: { path: readonly PropertyKey[]; message: string }[] }[];
  /** Entries for the audit trail in addition to that of the whole import. */
  changes?: readonly Change[];
  /** Called after the batch has been committed. */
  committed?: () => void;
}

interface Import<Item> {
  kind: RecordKind<Item>;
  options?: CsvOptions;
  /** Writes a batch in the order of its lines. Several lines may be about the same row. */
  write: (
    client: Pick<PoolClient, "query">,
    items: readonly ImportItem<Item>[],
  ) => Promise<Written>;
  /** The action of the audit entry of the whole import, which is written with each batch. */
  action: string;
  resource: string;
}

/** Imports the body of a request. Resolves with the outcome of its lines. Throws a problem if the stream breaks off. */
export async function importStream<Item>(
  c: Context<ApiEnv>,
  { pool, clock }: Pick<ApiDeps, "pool" | "clock">,
  { kind, options = {}, write, action, resource }: Import<Item>,
): Promise<ImportOutcome> {
  const counts = { lines: 0, imported: 0, created: 0, changed: 0, unchanged: 0, failed: 0 };
  const errors: ImportOutcome["errors"] = [];
  const entry = createRunningEntry(c, { action, resource }, clock());
  const reader = chooseReader(c, kind, options);
  let failedAsAudited = 0;
  const refuse = (line: number, faults: readonly RecordFault[]) => {
    counts.failed += 1;
    for (const fault of faults)
      if (errors.length < maxListedErrors) errors.push({ line, ...fault });
  };
  try {
    let batch: ImportItem<Item>[] = [];
    const writeBatch = async () => {
      const written = await inTransaction(pool, async (client) => {
        const done = await write(client, batch);
        const refused = done.refused?.length ?? 0;
        const imported = counts.imported + batch.length - refused;
        const failed = counts.failed + refused;
        if (imported > 0) await entry.write(client, { imported, failed });
        await recordChangesOver(c, client, done.changes ?? [], clock());
        return done;
      });
      written.committed?.();
      for (const { line, faults } of written.refused ?? [])
        refuse(
          line,
          faults.map(({ path, message }) => ({ field: reader.fieldOf(path), message })),
        );
      counts.imported += batch.length - (written.refused?.length ?? 0);
      for (const status of ["created", "changed", "unchanged"] as const)
        counts[status] += written[status];
      failedAsAudited = counts.failed;
      batch = [];
    };
    for await (const record of reader.records) {
      counts.lines += 1;
      if ("faults" in record) {
        refuse(record.line, record.faults);
        continue;
      }
      batch.push(record);
      if (batch.length >= batchSize) await writeBatch();
    }
    if (batch.length > 0) await writeBatch();
  } finally {
    const { imported, failed } = counts;
    if (imported > 0 && failed > failedAsAudited) await entry.write(pool, { imported, failed });
  }
  return { ...counts, errors: errors.sort((a, b) => a.line - b.line), hints: reader.hints() };
}

function chooseReader<Item>(
  c: Context<ApiEnv>,
  kind: RecordKind<Item>,
  options: CsvOptions,
): RecordReader<Item> {
  refuseEncoded(c.req.header("content-encoding"));
  const { type, charset } = readContentType(c.req.header("content-type"));
  if (type !== "text/csv" && type !== "application/x-ndjson")
    throw unsupported("Send the body as text/csv or application/x-ndjson.");
  if (charset !== null && findCharset(charset) === null)
    throw unsupported(
      `The charset ${JSON.stringify(cutText(charset, 100))} is unknown. Use ${usualCharsets}, or another one of the WHATWG Encoding Standard.`,
    );
  const file = { bytes: readBody(c.req.raw), charset };
  if (type === "text/csv") return readCsvRecords(file, kind, options);
  const csvOnly = Object.entries(options).filter(([, value]) => value !== undefined);
  if (csvOnly.length > 0)
    throw invalid(
      csvOnly.map(([name]) => ({
        in: "query",
        field: name === "mapping" ? "columns" : name,
        message: "is for CSV only: leave it out for NDJSON, which has names and types of its own",
      })),
    );
  return readNdjsonRecords(file, kind);
}

const unsupported = (detail: string) =>
  new Problem("unsupported-media-type", detail, {
    headers: { Accept: "text/csv, application/x-ndjson" },
  });

/** Reads the media type, in lower case, and the charset as given; null if there is none. */
function readContentType(header = ""): { type: string; charset: string | null } {
  try {
    const { essence, params } = new MIMEType(header);
    return { type: essence, charset: params.get("charset") };
  } catch {
    return { type: "", charset: null };
  }
}

async function* readBody(request: Request): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of request.body ?? []) yield chunk;
  } catch {
    throw new Problem(
      "malformed-body",
      "The stream broke off. The records before that are stored: send the whole import again.",
    );
  }
}
