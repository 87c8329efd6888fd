import { z } from "@hono/zod-openapi";
import { publicId } from "../../domain/ids.ts";
import { describeFaults, isGone, processKinds } from "../../domain/processes.ts";
import { type ProcessRow, readProcesses } from "../../ledger/processes.ts";
import { executeOn } from "../../ledger/sql.ts";
import { exampleIdOf } from "../http/path-ids.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import type { Services } from "../services.ts";

const processAnswer = z
  .object({
    id: z.string().openapi({ example: exampleIdOf("process") }),
    kind: z.enum(processKinds).openapi({ example: "worker" }),
    state: z.enum(["alive", "gone"]).openapi({
      description:
        "`gone` if it has not been seen for a minute, and has not stopped properly: one that stops is not listed any more",
      example: "alive",
    }),
    host: z.string().openapi({ description: "The name of its host", example: "worker-7d9f" }),
    pid: z.number().int().openapi({ description: "Its process id on the host", example: 4_711 }),
    version: z.string().openapi({ description: "The version of Tidings", example: "0.3.0" }),
    startedAt: z.iso.datetime(),
    seenAt: z.iso.datetime().openapi({
      description: "When it last reported itself, by the clock of the database",
    }),
    ready: z.boolean().openapi({
      description:
        "Whether it works: an API process accepts requests, a worker takes work from all its task queues, has written all outcomes, and has a correct clock",
      example: true,
    }),
    taskQueues: z.array(z.string()).openapi({
      description: "The task queues of Temporal from which it takes work; none for the API",
      example: ["orchestration", "delivery", "delivery-critical"],
    }),
    clockAheadMs: z.number().openapi({
      description:
        "How many milliseconds its own clock is ahead of the database’s; negative if it is behind",
      example: 3,
    }),
    memory: z.object({
      bytes: z.number().int().openapi({ example: 183_500_800 }),
      share: z.number().openapi({
        description: "The share of its memory limit, from 0 to 1",
        example: 0.21,
      }),
    }),
    eventLoopDelayMs: z.number().openapi({
      description:
        "The 99th percentile of the delays of its event loop since its last report: it is large if the processor is busy",
      example: 4.2,
    }),
    faults: z.array(z.string()).openapi({
      description: "What is wrong with it, and what to do",
      example: [],
    }),
  })
  .openapi("Process", { description: "A process of the API, or a worker" });

const list = defineRoute({
  method: "get",
  path: "/v1/processes",
  access: "viewer",
  class: "operations",
  summary: "List the processes of the API and the workers, those that were seen last first",
  description:
    "Each process reports itself every ten seconds, and is removed when it stops. One that ended otherwise is listed for an hour, and longer if there is none of its kind since. At most 500 processes are listed.",
  responses: responses(200, "The processes", z.object({ items: z.array(processAnswer) })),
});

export function processRoutes({ pool, readPolicySnapshot }: Services) {
  return createRouter().openapi(list, async (c) => {
    const { policy } = await readPolicySnapshot();
    const processes = await executeOn(pool)(readProcesses, {});
    const limits = { memory: policy.health.memory.warning };
    const items = processes.map((process) => ({
      ...processJson(process),
      faults: describeFaults(process, processes, limits),
    }));
    return c.json({ items }, 200);
  });
}

function processJson(process: ProcessRow) {
  const { id, kind, host, pid, version, taskQueues, memoryBytes, memoryShare } = process;
  return {
    id: publicId("process", id),
    kind,
    state: isGone(process) ? ("gone" as const) : ("alive" as const),
    host,
    pid,
    version,
    startedAt: process.startedAt.toISOString(),
    seenAt: process.seenAt.toISOString(),
    ready: process.isReady && !isGone(process),
    taskQueues: [...taskQueues],
    clockAheadMs: Math.round(process.clockAheadMs),
    memory: { bytes: memoryBytes, share: memoryShare },
    eventLoopDelayMs: Math.round(process.eventLoopDelayMs * 10) / 10,
  };
}
