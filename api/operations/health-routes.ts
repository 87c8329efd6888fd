import { z } from "@hono/zod-openapi";
import {
  type HealthIndicator,
  healthIndicators,
  healthUnits,
  healthWords,
} from "../../domain/health.ts";
import { priorities } from "../../domain/priority.ts";
import { Problem } from "../http/problem.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import type { Services } from "../services.ts";
import { assessReading } from "./assessment.ts";

const word = z.enum(healthWords);

const indicator = z
  .object({
    word,
    value: z.number().nullable().openapi({
      description: "The value; null if there is nothing to measure, which counts as good",
      example: 12,
    }),
    thresholds: z
      .object({ fair: z.number(), poor: z.number() })
      .nullable()
      .openapi({
        description:
          "The values from which the policy rates it fair and poor; null if it has no thresholds",
        example: { fair: 100, poor: 500 },
      }),
    unit: z.enum(Object.values(healthUnits)).openapi({
      description: "What the value counts; a `share` is from 0 to 1",
      example: "deliveries",
    }),
    detail: z.string().openapi({
      description: "What the value means",
      example: "12 deliveries are due and not sent.",
    }),
    advice: z.string().nullable().openapi({
      description: "What to do about it; null if it is good",
      example: null,
    }),
  })
  .openapi("HealthIndicator", { description: "An indicator of the health of the system" });

const zoneDataVersion = z.string().openapi({ example: "2026f" });
const zoneDataSource = z.enum(["system", "node"]).openapi({
  description: "Whether the data comes from the machine’s files or from Node.js",
  example: "system",
});

const meanings: Record<HealthIndicator, string> = {
  oldestDue:
    "Seconds that the oldest due delivery waits beyond the time for which others may overtake it by priority",
  backlog: "Deliveries that are due and not sent, without campaigns",
  breakers: "Providers that are not used, because their circuit breaker is open",
  stops: "Channels and providers that operators have stopped",
  limits: "Recipients with deliveries that wait for a limit",
  deliveryRate:
    "The share of sent deliveries among those that were sent or failed within the window, from 0 to 1",
  errorRate: "The share of failed attempts among all attempts within the window, from 0 to 1",
  latency:
    "The 95th percentile, within the window, of the milliseconds from accepting a notification to sending it, if nothing held it back",
  throughput: "Deliveries sent per minute within the window",
  batchEfficiency:
    "The share of deliveries sent within the window that were merged into another message, from 0 to 1",
  memory: "The share of its available memory that the responding process uses, from 0 to 1",
  timeZoneData:
    "The age of the time zone data that the responding process uses: at least this many days since its release",
};

const health = defineRoute({
  method: "get",
  path: "/v1/health",
  access: "viewer",
  class: "operations",
  summary: "Get the health of the system: good, fair or poor, with reasons",
  description:
    "The ratings use the thresholds of the current policy. The system is measured at most once every few seconds. /healthz and /readyz report whether a process serves.",
  responses: responses(
    200,
    "The health of the system",
    z
      .object({
        word: word.openapi({ description: "The worst rating among all indicators" }),
        reasons: z.array(z.string()).openapi({
          description: "Why the rating is not good, worst first, with advice",
          example: [],
        }),
        measuredAt: z.iso.datetime(),
        windowSeconds: z.number().openapi({
          description:
            "The period over which rates are measured: the window of the policy, or the time in which the last ten thousand deliveries ended",
          example: 900,
        }),
        indicators: z.object(
          Object.fromEntries(
            healthIndicators.map((name) => [
              name,
              indicator.openapi({ description: meanings[name] }),
            ]),
          ) as Record<HealthIndicator, typeof indicator>,
        ),
        queues: z
          .array(
            z.object({
              priority: z.enum(priorities),
              due: z
                .number()
                .int()
                .openapi({ description: "Deliveries that are due", example: 12 }),
              later: z.number().int().openapi({
                description: "Deliveries that are not due yet: held, or scheduled for later",
                example: 230,
              }),
              oldestDueSeconds: z.number().nullable().openapi({ example: 0.4 }),
              ofCampaigns: z.number().int().openapi({
                description: "Deliveries of campaigns, which `due` and `later` do not count",
                example: 0,
              }),
            }),
          )
          .openapi({ description: "Open deliveries by priority" }),
        waiting: z.record(z.string(), z.number().int()).openapi({
          description: "Open deliveries by the reason for which they wait",
          example: { quiet_hours: 180, recipient_limit: 3 },
        }),
        breakers: z.array(
          z.object({
            provider: z.string().openapi({ example: "smtp-1" }),
            state: z.enum(["closed", "open", "half_open"]),
          }),
        ),
        timeZoneData: z
          .object({
            version: zoneDataVersion,
            source: zoneDataSource,
            ageDays: z.number().int().openapi({
              description: "Days since the release was published, at least",
              example: 31,
            }),
            workers: z
              .object({ version: zoneDataVersion, source: zoneDataSource })
              .nullable()
              .openapi({
                description:
                  "The newest release that workers have used; null if none has started on this ledger yet",
                example: { version: "2026f", source: "system" },
              }),
          })
          .openapi({
            description: "The IANA time zone data that determines recipients’ local times",
          }),
        database: z
          .object({
            bytes: z.number().int().openapi({
              description: "The size of the database on its disk, with its indexes",
              example: 734_003_200,
            }),
          })
          .openapi({ description: "The database in which everything is stored" }),
        latencyMs: z
          .object({ p50: z.number(), p95: z.number(), p99: z.number() })
          .nullable()
          .openapi({ example: { p50: 120, p95: 310, p99: 480 } }),
      })
      .openapi("Health"),
  ),
});

export function systemHealthRoutes({ readLedger }: Services) {
  const router = createRouter();
  // Otherwise the description of its first use would become that of the schema.
  router.openAPIRegistry.register("HealthIndicator", indicator);
  return router.openapi(health, async (c) => {
    const { reading } = await readLedger();
    if (!reading)
      throw new Problem(
        "unavailable",
        "The database cannot be reached, or does not respond in time. Send the request again later.",
        {
          headers: { "Retry-After": "5" },
        },
      );
    const { at, measured, databaseBytes } = reading;
    const { depths, waiting, breakers, latencyMs, seconds, timeZoneDataOfWorkers } = measured;
    const { health: rated, timeZoneData } = assessReading(reading);
    const indicators = Object.fromEntries(
      healthIndicators.map((name) => [
        name,
        { ...rated.indicators[name], unit: healthUnits[name] },
      ]),
    ) as Record<HealthIndicator, z.output<typeof indicator>>;
    return c.json(
      {
        ...rated,
        indicators,
        measuredAt: at.toISOString(),
        windowSeconds: seconds,
        queues: [...depths],
        waiting: waiting as Record<string, number>,
        breakers: [...breakers],
        timeZoneData: { ...timeZoneData, workers: timeZoneDataOfWorkers },
        database: { bytes: databaseBytes },
        latencyMs,
      },
      200,
    );
  });
}
