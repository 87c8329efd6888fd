import { z } from "@hono/zod-openapi";
import type { Pool } from "pg";
import { rateNames, type Rate } from "../../domain/analytics.ts";
import { type Columns, exportFormat, exportResponses } from "../http/export-formats.ts";
import { createRouter, defineRoute } from "../http/router.ts";
import type { Services } from "../services.ts";
import type { AnalyticsDimension } from "./cells.ts";
import { intervalsOf, itemsOf, readReport } from "./report.ts";
import { reportQuery } from "./request.ts";
import { countsAnswer } from "./schemas.ts";
import { cohortsOf, hoursOf, readWeeks, weeksOf } from "./weeks.ts";

const reports = [
  "overview",
  "channels",
  "types",
  "campaigns",
  "templates",
  "providers",
  "send-times",
  "cohorts",
] as const;
type Report = (typeof reports)[number];

const query = z.object({
  ...reportQuery,
  report: z.enum(reports).openapi({
    description: "The report. `overview` has a line for each interval",
    example: "channels",
  }),
  ...exportFormat,
});
type ExportQuery = z.output<typeof query>;

const exportRoute = defineRoute({
  method: "get",
  path: "/v1/analytics/export",
  access: "viewer",
  class: "heavy",
  summary: "Export a report as lines",
  request: { query },
  responses: exportResponses(
    "lines of the report, without the period before",
    "In CSV each rate has its value and the ends of its interval in columns of their own.",
  ),
});

type Cell = string | number | null;
/** A line of a report; `id` is only for the reading. */
type Line = { id: string } & Record<string, Cell>;

const countColumns = Object.keys(countsAnswer.shape) as (keyof typeof countsAnswer.shape)[];
const rateColumns = (names: readonly string[]) =>
  names.flatMap((name) => [name, `${name}Low`, `${name}High`]);
const rateCells = (rates: Record<string, Rate>): Record<string, Cell> =>
  Object.fromEntries(
    Object.entries(rates).flatMap(([name, { value, low, high }]) => [
      [name, value],
      [`${name}Low`, low],
      [`${name}High`, high],
    ]),
  );

/** The names of the columns of each report. */
const columnNames: Record<Report, readonly string[]> = {
  overview: ["from", ...countColumns],
  channels: ["key", ...countColumns, ...rateColumns(rateNames)],
  types: ["key", ...countColumns, ...rateColumns(rateNames)],
  campaigns: ["key", "name", ...countColumns, ...rateColumns(rateNames)],
  templates: ["key", ...countColumns, ...rateColumns(rateNames)],
  providers: ["key", ...countColumns, ...rateColumns(rateNames)],
  "send-times": [
    "weekday",
    "hour",
    "handedOver",
    "opened",
    "clicked",
    "acted",
    ...rateColumns(["openRate", "clickRate"]),
  ],
  cohorts: ["week", "handedOver", "weeksSince", "opened", "clicked", "acted"],
};

const dimensionOf: Partial<Record<Report, AnalyticsDimension>> = {
  channels: "channel",
  types: "type",
  campaigns: "campaign",
  templates: "template",
  providers: "provider",
};

async function linesOf(
  pool: Pool,
  request: ExportQuery,
  now: Date,
): Promise<Record<string, Cell>[]> {
  const { report, format: _, ...rest } = request;
  const by = dimensionOf[report];
  if (by !== undefined) {
    const items = await itemsOf(
      pool,
      by,
      await readReport(pool, rest, { by, intervals: "together" }, now),
    );
    return items
      .filter(({ counts }) => countColumns.some((name) => counts[name] !== 0))
      .map(({ key, name, counts, rates }) => ({ key, name, ...counts, ...rateCells(rates) }));
  }
  if (report === "overview")
    return intervalsOf(await readReport(pool, rest, { by: null, intervals: "each" }, now)).map(
      ({ from, counts }) => ({
        from,
        ...counts,
      }),
    );
  const { read, isCurrent } = weeksOf(rest, now);
  const column = report === "send-times" ? "local_hour" : "weeks_since";
  const rows = (await readWeeks(pool, column, read)).filter(({ week }) => isCurrent(week));
  if (report === "send-times")
    return hoursOf(rows).map(({ openRate, clickRate, ...counts }) => ({
      ...counts,
      ...rateCells({ openRate, clickRate }),
    }));
  return cohortsOf(rows).flatMap(({ week, handedOver, weeks }) =>
    weeks.map((each) => ({ week, handedOver, ...each })),
  );
}

/** The route that exports reports. */
export function analyticsExportRoutes({ pool, exporter, clock }: Services) {
  return createRouter().openapi(exportRoute, async (c) => {
    const request = c.req.valid("query");
    const { report, format, ...filters } = request;
    // A wrong time is refused before the export begins.
    const lines = await linesOf(pool, request, clock());
    const names = columnNames[report];
    return exporter.send(c, {
      name: `analytics-${report}`,
      action: "analytics.export",
      format,
      filters,
      columns: Object.fromEntries(
        names.map((name) => [name, (line: Line) => line[name] ?? null]),
      ) satisfies Columns<Line>,
      pageRows: lines.length + 1,
      read: () =>
        Promise.resolve(lines.map((line, place) => ({ ...line, id: String(place) }) as Line)),
      toItem: (read) => {
        const { id: _, ...line } = read;
        return line as Line;
      },
    });
  });
}
