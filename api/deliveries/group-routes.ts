import { z } from "@hono/zod-openapi";
import { executeOn } from "../../ledger/sql.ts";
import { channels } from "../../domain/channel.ts";
import { publicId } from "../../domain/ids.ts";
import { priorities } from "../../domain/priority.ts";
import { deliveriesJson, deliveryAnswer } from "./store.ts";
import { readDeliveries } from "./filters.ts";
import { maskFor } from "../http/masking.ts";
import { throwNotFound, exampleIdOf, readPathId, idParams } from "../http/path-ids.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import type { Services } from "../services.ts";

/** How many members are shown. A digest may have more, and GET /v1/deliveries lists all of them. */
const shownMembers = 100;

const get = defineRoute({
  method: "get",
  path: "/v1/groups/{id}",
  access: "viewer",
  summary: "Get a batch or digest: deliveries that are sent as one message",
  request: { params: idParams("group") },
  responses: responses(
    200,
    "The group",
    z
      .object({
        id: z.string().openapi({ example: exampleIdOf("group") }),
        kind: z.enum(["batch", "digest"]),
        recipient: z
          .string()
          .openapi({ description: "The recipient’s id, rcp_…", example: exampleIdOf("recipient") }),
        channel: z.enum(channels),
        type: z.string().nullable().openapi({
          description:
            "The notification type of the members; null for a digest, which takes any type",
          example: "task.deadline",
        }),
        priority: z.enum(priorities).nullable().openapi({
          description: "The priority of the members; null for a digest, which takes any priority",
          example: "normal",
        }),
        status: z.enum(["open", "full", "closed"]).openapi({
          description:
            "`open`: takes members; `full`: takes no more; `closed`: its message was handed over, or all members have left",
        }),
        memberCount: z.number().int().openapi({ example: 3 }),
        maximumSize: z.number().int().nullable().openapi({
          description: "The number of members at which the group is full; null means unlimited",
          example: 5,
        }),
        adapted: z.string().nullable().openapi({
          description:
            "Why the size and the window differ from the preferences: `backlog` if many deliveries were due, `delay` if the oldest had been due for long; null if they do not differ",
          example: null,
        }),
        firstOccursAt: z.iso
          .datetime()
          .nullable()
          .openapi({ description: "The earliest `occursAt` of its members" }),
        lastOccursAt: z.iso
          .datetime()
          .nullable()
          .openapi({ description: "The latest `occursAt` of its members" }),
        closesAt: z.iso
          .datetime()
          .openapi({ description: "When the window of the batch ends, or the digest is due" }),
        createdAt: z.iso.datetime(),
        closedAt: z.iso.datetime().nullable(),
        members: z.array(deliveryAnswer).openapi({
          description: `The first ${shownMembers} members; GET /v1/deliveries?group=… lists all of them`,
        }),
      })
      .openapi("Group"),
  ),
});

export function groupRoutes({ prisma, pool }: Services) {
  return createRouter().openapi(get, async (c) => {
    const id = readPathId("group", c.req.valid("param").id);
    const row = await prisma.group.findUnique({
      where: { id },
      include: { type: { select: { key: true } } },
    });
    if (!row) throwNotFound("group");
    const members = await readDeliveries(
      pool,
      { group: id },
      { after: null, direction: "asc", take: shownMembers },
    );
    const { kind, channel, priority, status, memberCount, maximumSize, adapted } = row;
    return c.json(
      {
        id: publicId("group", id),
        kind,
        recipient: publicId("recipient", row.recipientId),
        channel,
        type: row.type?.key ?? null,
        priority,
        status,
        memberCount,
        maximumSize,
        adapted,
        firstOccursAt: row.firstOccursAt?.toISOString() ?? null,
        lastOccursAt: row.lastOccursAt?.toISOString() ?? null,
        closesAt: row.closesAt.toISOString(),
        createdAt: row.createdAt.toISOString(),
        closedAt: row.closedAt?.toISOString() ?? null,
        members: maskFor(c, await deliveriesJson(executeOn(pool), members)),
      },
      200,
    );
  });
}
