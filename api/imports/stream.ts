import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { PoolClient } from "pg";
import { inTransaction } from "../../ledger/transaction.ts";
import { createRunningEntry } from "../http/audit.ts";
import type { ApiEnv } from "../http/context.ts";
import {
  type ImportRecord,
  readCsvRecords,
  readNdjsonRecords,
  type RecordKind,
} from "./records.ts";
import { refuseEncoded } from "../http/json-body.ts";
import { Problem } from "../http/problem.ts";
import type { ApiDeps } from "../http/router.ts";

/**
 * Imports are streams of any length, read as they arrive: a thousand records are written by a statement, and nothing is
 * read meanwhile. Bad records are reported and good ones kept, also when the stream breaks off.
 */

/** Records written by one statement. */
const batchSize = 1_000;
/** Errors listed in an answer; all are counted. */
const maxListedErrors = 1_000;

/** The `request.body` of a route that imports a stream. `api/app.ts` must leave the body of its path unread. */
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
    imported: z.number().int().openapi({ example: 999 }),
    failed: z.number().int(),
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
  })
  .openapi("ImportOutcome");

type ImportOutcome = z.infer<typeof importOutcome>;

interface Import<Item> {
  kind: RecordKind<Item>;
  /**
   * Writes a batch, in the order of its lines, which may tell of one thing twice; resolves with what to do once that is
   * committed, if anything.
   */
  write: (
    client: Pick<PoolClient, "query">,
    items: readonly Item[],
  ) => Promise<void | (() => void)>;
  /** Names the one entry of the audit trail for the whole import, which is written with each batch. */
  action: string;
  resource: string;
}

/** Imports the body of a request; resolves with what became of its lines. Throws the problem of a stream that breaks off. */
export async function importStream<Item>(
  c: Context<ApiEnv>,
  { pool, clock }: Pick<ApiDeps, "pool" | "clock">,
  { kind, write, action, resource }: Import<Item>,
): Promise<ImportOutcome> {
  const result: ImportOutcome = { lines: 0, imported: 0, failed: 0, errors: [] };
  const entry = createRunningEntry(c, { action, resource }, clock());
  let failedAsAudited = 0;
  try {
    let batch: Item[] = [];
    const writeBatch = async () => {
      const { failed } = result;
      const imported = result.imported + batch.length;
      const committed = await inTransaction(pool, async (client) => {
        const after = await write(client, batch);
        await entry.write(client, { imported, failed });
        return after;
      });
      committed?.();
      result.imported = imported;
      failedAsAudited = failed;
      batch = [];
    };
    for await (const record of chooseReader(c, kind)) {
      result.lines += 1;
      if ("faults" in record) {
        result.failed += 1;
        for (const fault of record.faults)
          if (result.errors.length < maxListedErrors)
            result.errors.push({ line: record.line, ...fault });
        continue;
      }
      batch.push(record.item);
      if (batch.length >= batchSize) await writeBatch();
    }
    if (batch.length > 0) await writeBatch();
  } finally {
    const { imported, failed } = result;
    if (imported > 0 && failed > failedAsAudited) await entry.write(pool, { imported, failed });
  }
  return result;
}

function chooseReader<Item>(
  c: Context<ApiEnv>,
  kind: RecordKind<Item>,
): AsyncGenerator<ImportRecord<Item>> {
  refuseEncoded(c.req.header("content-encoding"));
  const [type] = (c.req.header("content-type") ?? "").toLowerCase().split(";");
  switch (type!.trim()) {
    case "text/csv":
      return readCsvRecords(readBody(c.req.raw), kind);
    case "application/x-ndjson":
      return readNdjsonRecords(readBody(c.req.raw), kind);
    default:
      throw new Problem("unsupported-media-type", "Send text/csv or application/x-ndjson.", {
        headers: { Accept: "text/csv, application/x-ndjson" },
      });
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
