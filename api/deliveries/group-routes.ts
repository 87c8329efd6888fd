import { z } from "@hono/zod-openapi";
import { channels } from "../../domain/channel.ts";
import { publicId } from "../../domain/ids.ts";
import { priorities } from "../../domain/priority.ts";
import { deliveryAnswer, deliveryJson } from "./store.ts";
import { readDeliveries } from "./filters.ts";
import { throwNotFound, exampleIdOf, readPathId, idParams } from "../http/path-ids.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import type { Services } from "../services.ts";

/** How many members are shown. A digest may have more: GET /v1/deliveries has them all. */
const shownMembers = 100;

const get = defineRoute({
  method: "get",
  path: "/v1/groups/{id}",
  access: "viewer",
  summary: "A batch or a digest: deliveries that go out as one message",
  request: { params: idParams("group") },
  responses: responses(
    200,
    "The group",
    z
      .object({
        id: z.string().openapi({ example: exampleIdOf("group") }),
        kind: z.enum(["batch", "digest"]),
        recipient: z.string().openapi({ description: "rcp_…", example: exampleIdOf("recipient") }),
        channel: z.enum(channels),
        type: z.string().nullable().openapi({
          description: "Its members’ notification type; null of a digest, which takes any",
          example: "task.deadline",
        }),
        priority: z.enum(priorities).nullable().openapi({ example: "normal" }),
        status: z.enum(["open", "full", "closed"]).openapi({
          description:
            "Open: it takes members; full: it takes no more; closed: its message was handed over, or all of its members have left",
        }),
        memberCount: z.number().int().openapi({ example: 3 }),
        maximumSize: z.number().int().nullable().openapi({
          description: "Members that fill it; null: as many as come",
          example: 5,
        }),
        adapted: z.string().nullable().openapi({
          description: "Why its size and window are not what was wished for: backlog or delay",
          example: null,
        }),
        firstOccursAt: z.iso
          .datetime()
          .nullable()
          .openapi({ description: "The earliest time that a member is about" }),
        lastOccursAt: z.iso.datetime().nullable().openapi({ description: "The latest" }),
        closesAt: z.iso.datetime().openapi({ description: "When its window, or the digest, ends" }),
        createdAt: z.iso.datetime(),
        closedAt: z.iso.datetime().nullable(),
        members: z.array(deliveryAnswer).openapi({
          description: `The first ${shownMembers}; all of them with GET /v1/deliveries?group=…`,
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
        members: members.map(deliveryJson),
      },
      200,
    );
  });
}
