import { z } from "@hono/zod-openapi";
import { inboxActions } from "../../domain/inbox.ts";
import { parsePublicId } from "../../domain/ids.ts";
import { priorities } from "../../domain/priority.ts";
import { text } from "../../domain/text.ts";
import { inboxStates } from "../../ledger/inbox.ts";
import { byCreation, pageOf, pageQuery } from "../http/pages.ts";
import { exampleIdOf } from "../http/path-ids.ts";

const at = (description: string) => z.iso.datetime().nullable().openapi({ description });

/** The schema of an item in every response. */
export const itemAnswer = z
  .object({
    id: z.string().openapi({ example: exampleIdOf("inboxItem") }),
    type: z.string().nullable().openapi({
      description: "The key of the notification type; null without a type, and for digests",
      example: "task.deadline",
    }),
    category: z.string().nullable().openapi({ example: "orders" }),
    title: z.string().openapi({ example: "Order A-17 is on its way" }),
    body: z.string().openapi({ description: "Plain text", example: "It arrives tomorrow." }),
    url: z.string().nullable().openapi({
      description: "What the item leads to: http or https",
      example: "https://shop.example/orders/A-17",
    }),
    actions: inboxActions.meta({
      description:
        "The buttons. One with an `action` is a link of this message: POST its `url` to perform `snooze` or `complete`, and open it for `view`. The `url` of any other one is opened",
      example: [{ action: "view", label: "Open", url: "https://shop.example/orders/A-17" }],
    }),
    priority: z.enum(priorities).openapi({ example: "normal" }),
    createdAt: z.iso.datetime().openapi({
      description:
        "When it arrived. An item that arrives later has a later time: it sorts the items",
    }),
    seenAt: at("When the list with the item was first opened"),
    readAt: at("When the item was read; null once it was marked as unread"),
    archivedAt: at("When the item was archived"),
    expiresAt: at("From this time on the item is not shown"),
  })
  .openapi("InboxItem");

const counted = z.int().min(0).max(100);

export const countsAnswer = z
  .object({
    unseen: counted.openapi({
      description: "Items that were neither seen nor archived. 100 stands for 100 or more",
      example: 1,
    }),
    unread: counted.openapi({
      description: "Items that were neither read nor archived. 100 stands for 100 or more",
      example: 3,
    }),
  })
  .openapi("InboxCounts");

const { limit, cursor } = pageQuery(byCreation);

export const inboxQuery = z.object({
  state: z.enum(inboxStates).default("all").openapi({
    description:
      "`all` are the items that are not archived, and `unread` those that also were not read",
    example: "all",
  }),
  category: text(998)
    .optional()
    .openapi({ description: "Only items of this category", example: "orders" }),
  limit,
  cursor,
});

export const inboxPage = pageOf(itemAnswer).extend({ counts: countsAnswer });

export const itemChange = z
  .strictObject({
    seen: z.literal(true).optional().openapi({ description: "Marks the item as seen" }),
    read: z
      .boolean()
      .optional()
      .openapi({ description: "Marks the item as read, and thereby as seen, or as unread" }),
    archived: z
      .boolean()
      .optional()
      .openapi({ description: "Archives the item, or takes it back into the list" }),
  })
  .refine((change) => Object.keys(change).length > 0, "must name at least one change")
  .openapi({ example: { read: true } });

/** The request to mark all items up to one. The result is the UUID of that item. */
export const markRequest = z.strictObject({
  upTo: z
    .string()
    .transform((id, context): string => {
      const uuid = parsePublicId("inboxItem", id);
      if (uuid !== null) return uuid;
      context.addIssue({ code: "custom", message: "must be the id of an item" });
      return z.NEVER;
    })
    .openapi({
      type: "string",
      description:
        "The newest item that the recipient has before them. Items that arrived after it stay as they are",
      example: exampleIdOf("inboxItem"),
    }),
});

export const markedAnswer = z.object({
  changed: z.int().openapi({ description: "The number of items that changed", example: 3 }),
  counts: countsAnswer,
});
