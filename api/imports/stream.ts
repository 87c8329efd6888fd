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

/**
 * Imports are streams of any length, read as they arrive: a thousand records are written by a statement, and nothing is
 * read meanwhile. Bad records are reported and good ones kept, also when the stream breaks off.
 */

/** Records written by one statement. */
const batchSize = 1_000;
/** Errors listed in an answer; all are counted. */
const maxListedErrors = 1_000;

/** What the description of a route that imports says of the files it takes. */
export const importDescription =
  "Files are UTF-8 unless the charset of their Content-Type or their byte order mark says otherwise; another usual one is decoded, and one that is not known is " +
  "refused. CSV may have commas, semicolons, tabs or bars between cells, as its header shows or a line sep=; before it says; names of columns may be " +
  "spelt as address books export them, or are told by columns. A blank cell is a value left out, and a record may end early. ";

/** The `request.body` of a route that imports a stream, which is of the class `import`, so that its body is left unread. */
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
    lines: z
      .number()
      .int()
      .openapi({ description: "Records read, blank lines and the header left out", example: 1000 }),
    imported: z.number().int().openapi({
      description: "Records that were taken: created, changed and unchanged",
      example: 999,
    }),
    created: z.number().int().openapi({ example: 900 }),
    changed: z.number().int().openapi({ example: 90 }),
    unchanged: z.number().int().openapi({ description: "They were so already", example: 9 }),
    failed: z.number().int().openapi({ example: 1 }),
    errors: z
      .array(
        z.object({
          line: z.number().int().openapi({ example: 17 }),
          field: z.string().openapi({
            description: "A column of CSV, a JSON pointer of NDJSON; empty for the line itself",
            example: "email",
          }),
          message: z
            .string()
            .openapi({ example: "must be an e-mail address, such as ada@example.org" }),
        }),
      )
      .openapi({ description: `The first ${maxListedErrors}` }),
    hints: z
      .array(
        z.object({
          column: z.string().openapi({ example: "attributes.age" }),
          message: z.string().openapi({
            example: "holds only numbers and was imported as text: say ?types=age:number",
          }),
        }),
      )
      .openapi({ description: "What may not be meant as it was imported" }),
  })
  .openapi("ImportOutcome");

type ImportOutcome = z.infer<typeof importOutcome>;

/** A record, and the line it begins on. */
interface ImportItem<Item> {
  line: number;
  item: Item;
}

/** What became of the records of a batch. */
interface Written {
  created: number;
  changed: number;
  unchanged: number;
  /** Records that cannot be made what they say: what is wrong, by their lines. */
  refused?: { line: number; faults: { path: readonly PropertyKey[]; message: string }[] }[];
  /** Entries for the audit trail beside that of the whole import. */
  changes?: readonly Change[];
  /** What to do once the batch is committed. */
  committed?: () => void;
}

interface Import<Item> {
  kind: RecordKind<Item>;
  options?: CsvOptions;
  /** Writes a batch, in the order of its lines, which may tell of one thing twice. */
  write: (
    client: Pick<PoolClient, "query">,
    items: readonly ImportItem<Item>[],
  ) => Promise<Written>;
  /** Names the one entry of the audit trail for the whole import, which is written with each batch. */
  action: string;
  resource: string;
}

/** Imports the body of a request; resolves with what became of its lines. Throws the problem of a stream that breaks off. */
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
    throw unsupported("Send text/csv or application/x-ndjson.");
  if (charset !== null && findCharset(charset) === null)
    throw unsupported(
      `The charset ${JSON.stringify(cutText(charset, 100))} is not known here: send ${usualCharsets}, or another of the WHATWG Encoding Standard.`,
    );
  const file = { bytes: readBody(c.req.raw), charset };
  if (type === "text/csv") return readCsvRecords(file, kind, options);
  const strange = Object.entries(options).filter(([, said]) => said !== undefined);
  if (strange.length > 0)
    throw invalid(
      strange.map(([name]) => ({
        in: "query",
        field: name === "mapping" ? "columns" : name,
        message: "is for CSV: NDJSON names its fields and has types of its own",
      })),
    );
  return readNdjsonRecords(file, kind);
}

const unsupported = (detail: string) =>
  new Problem("unsupported-media-type", detail, {
    headers: { Accept: "text/csv, application/x-ndjson" },
  });

/** The media type in lower case, and the charset as it is given, if one is. */
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
      "The stream broke off. What was read before is kept: repeat the import as it is.",
    );
  }
}
