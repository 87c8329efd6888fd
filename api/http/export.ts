import type { Context } from "hono";
import type { Pool } from "pg";
import type { Logger } from "pino";
import { createRunningEntry } from "./audit.ts";
import type { ApiEnv } from "./context.ts";
import { type Columns, exportFormats, type FormatName } from "./export-formats.ts";
import { maskFor } from "./masking.ts";
import type { Part } from "./page-reading.ts";
import { Problem } from "./problem.ts";

/** How many exports a process streams at once: each holds a connection for a part of the time, and lasts as long as the caller reads. */
const atOnce = 2;
const retryAfterSeconds = 30;

interface ListExport<Row extends { id: string }, Item> {
  /** The name of the list, for the file and the audit trail. */
  name: string;
  /** What the audit trail says, such as `delivery.export`. */
  action: string;
  format: FormatName;
  /** The filters, for the audit trail: without parts of personal data, which an erasure would not find there. */
  filters: Record<string, unknown>;
  columns: Columns<Item>;
  /** How many rows are read at once. Only these are in memory. */
  pageRows: number;
  /** Reads a part of the list, with the newest row first. */
  read: (part: Part) => Promise<readonly Row[]>;
  toItem: (row: Row) => Item;
}

/** Sends lists as files. An API process has one, which bounds all its exports together. */
export class Exporter {
  #active = 0;
  readonly #deps: { pool: Pool; clock: () => Date; logger: Logger };

  constructor(deps: { pool: Pool; clock: () => Date; logger: Logger }) {
    this.#deps = deps;
  }

  /** Responds with all rows of a list, as the caller may see them. Rows are read when the caller has taken the ones before. */
  async send<Row extends { id: string }, Item>(
    c: Context<ApiEnv>,
    list: ListExport<Row, Item>,
  ): Promise<never> {
    const { pool, clock, logger } = this.#deps;
    const now = clock();
    const { type } = exportFormats[list.format];
    c.header(
      "Content-Disposition",
      `attachment; filename="${list.name}-${now.toISOString().slice(0, 10)}.${list.format}"`,
    );
    c.header("X-Content-Type-Options", "nosniff");
    c.header("Cache-Control", "no-store");
    const headers = { "Content-Type": type };
    // Nobody would read the body of the answer to a HEAD, so that the export would never end.
    if (c.req.method === "HEAD") return c.body(null, 200, headers) as never;
    if (this.#active >= atOnce)
      throw new Problem(
        "overloaded",
        `At most ${atOnce} exports are made at once. Send the request again later.`,
        { headers: { "Retry-After": String(retryAfterSeconds) } },
      );
    this.#active += 1;
    const entry = createRunningEntry(c, { action: list.action, resource: list.name }, now);
    const write = (lines: number, complete: boolean) =>
      entry.write(pool, { format: list.format, filters: list.filters, lines, complete });
    try {
      // Who begins to read is recorded, even if the process dies before the end.
      await write(0, false);
    } catch (error) {
      this.#active -= 1;
      throw error;
    }
    const body = streamLines(c, list, async (lines, { complete, fault }) => {
      this.#active -= 1;
      if (fault !== undefined)
        logger.warn({ err: fault, requestId: c.get("requestId") }, "an export has failed midway");
      await write(lines, complete).catch((error: unknown) =>
        logger.warn({ err: error }, "an export is not fully audited"),
      );
    });
    // The type of the response is that of the route, which the stream does not have.
    return c.body(body, 200, headers) as never;
  }
}

/**
 * Writes the rows of a list as a stream of bytes. No transaction is open between two readings, however slowly the caller reads.
 * @param onEnd called once, with the number of lines, whether these are all, and why the reading has failed, if it has
 */
function streamLines<Row extends { id: string }, Item>(
  c: Context<ApiEnv>,
  { format, columns, pageRows, read, toItem }: ListExport<Row, Item>,
  onEnd: (lines: number, end: { complete: boolean; fault?: unknown }) => Promise<void>,
): ReadableStream<Uint8Array> {
  const { header, lineOf } = exportFormats[format];
  const isStillValid = c.get("isStillValid");
  const { signal } = c.req.raw;
  const encoder = new TextEncoder();
  let lines = 0;
  let after: string | null = null;
  let isOver = false;
  async function finish(end: { complete: boolean; fault?: unknown }): Promise<void> {
    if (isOver) return;
    isOver = true;
    await onEnd(lines, end);
  }
  const leave = () => finish({ complete: false });
  signal.addEventListener("abort", () => void leave(), { once: true });
  // The caller may have gone before there was a listener.
  if (signal.aborted) void leave();
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const first = header(columns);
        if (first !== "") controller.enqueue(encoder.encode(first));
      },
      async pull(controller) {
        try {
          if (isOver) throw new Error("The caller has gone.");
          if (!(await isStillValid().catch(() => true)))
            throw new Error("The key or the session has ended.");
          const rows = await read({ after, direction: "desc", take: pageRows });
          if (rows.length > 0) {
            lines += rows.length;
            after = rows.at(-1)!.id;
            const text = rows.map((row) => lineOf(columns, maskFor(c, toItem(row)))).join("");
            controller.enqueue(encoder.encode(text));
          }
          if (rows.length < pageRows) {
            await finish({ complete: true });
            controller.close();
          }
        } catch (error) {
          // The connection breaks, so that nobody takes a part for the whole.
          await finish({ complete: false, fault: error });
          controller.error(error);
        }
      },
      cancel: leave,
    },
    { highWaterMark: 1 },
  );
}
