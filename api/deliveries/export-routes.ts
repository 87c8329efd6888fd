import { z } from "@hono/zod-openapi";
import { createRunningEntry } from "../http/audit.ts";
import { maskFor } from "../http/masking.ts";
import { Problem } from "../http/problem.ts";
import { createRouter, defineRoute } from "../http/router.ts";
import type { Services } from "../services.ts";
import { exportFormats } from "./export-formats.ts";
import { deliveryFilterQuery, findNamed, readDeliveries } from "./filters.ts";
import { deliveryJson } from "./store.ts";

/** How many rows are read at once. Only these are in memory. */
const pageRows = 1_000;
/** How many exports a process streams at once: each holds a connection for a part of the time, and lasts as long as the caller reads. */
const atOnce = 2;
const retryAfterSeconds = 30;

const exportRoute = defineRoute({
  method: "get",
  path: "/v1/deliveries/export",
  access: "viewer",
  needsProof: true,
  class: "heavy",
  summary: "Export deliveries as a stream of lines",
  request: {
    query: z.object({
      ...deliveryFilterQuery,
      format: z.enum(["csv", "ndjson"]).default("csv").openapi({
        description:
          "`csv`: with a header line; a value that a spreadsheet could take for a formula begins with an apostrophe. `ndjson`: one delivery for each line, as the list shows it",
      }),
    }),
  },
  responses: {
    200: {
      description:
        "The deliveries, the newest first. They are read while they are sent: a delivery appears once, as it was when it was read. The audit trail has the filters and the number of lines",
      content: {
        "text/csv": { schema: z.string().openapi({ example: "id,status\r\n" }) },
        "application/x-ndjson": { schema: z.string().openapi({ example: "{}\n" }) },
      },
    },
  },
});

/** The route that exports deliveries. */
export function deliveryExportRoutes({ pool, clock, logger }: Services) {
  let active = 0;

  return createRouter().openapi(exportRoute, async (c) => {
    const { format, ...given } = c.req.valid("query");
    if (active >= atOnce)
      throw new Problem(
        "overloaded",
        `At most ${atOnce} exports are made at once. Send the request again later.`,
        { headers: { "Retry-After": String(retryAfterSeconds) } },
      );
    active += 1;
    const now = clock();
    const entry = createRunningEntry(c, { action: "delivery.export", resource: "deliveries" }, now);
    const signal = c.req.raw.signal;
    const { type, extension, header, lineOf } = exportFormats[format];
    let filters: Awaited<ReturnType<typeof findNamed<typeof given>>>;
    try {
      filters = await findNamed(pool, given);
      // Who begins to read is recorded, even if the process dies before the end.
      await entry.write(pool, { format, filters: given, lines: 0, complete: false });
    } catch (error) {
      active -= 1;
      throw error;
    }
    let lines = 0;
    let after: string | null = null;
    let isOver = false;
    async function finish(complete: boolean): Promise<void> {
      if (isOver) return;
      isOver = true;
      active -= 1;
      await entry
        .write(pool, { format, filters: given, lines, complete })
        .catch((error: unknown) => logger.warn({ err: error }, "an export is not fully audited"));
    }
    signal.addEventListener("abort", () => void finish(false), { once: true });
    const encoder = new TextEncoder();
    const body = new ReadableStream<Uint8Array>(
      {
        start(controller) {
          if (header !== "") controller.enqueue(encoder.encode(header));
        },
        async pull(controller) {
          try {
            const rows = filters
              ? await readDeliveries(pool, filters, { after, direction: "desc", take: pageRows })
              : [];
            if (rows.length > 0) {
              lines += rows.length;
              after = rows.at(-1)!.id;
              controller.enqueue(
                encoder.encode(rows.map((row) => lineOf(maskFor(c, deliveryJson(row)))).join("")),
              );
            }
            if (rows.length < pageRows) {
              await finish(true);
              controller.close();
            }
          } catch (error) {
            // The connection breaks, so that nobody takes a part for the whole.
            await finish(false);
            controller.error(error);
          }
        },
        cancel: () => finish(false),
      },
      { highWaterMark: 1 },
    );
    c.header(
      "Content-Disposition",
      `attachment; filename="deliveries-${now.toISOString().slice(0, 10)}.${extension}"`,
    );
    c.header("X-Content-Type-Options", "nosniff");
    c.header("Cache-Control", "no-store");
    return c.body(body, 200, { "Content-Type": type }) as never;
  });
}
