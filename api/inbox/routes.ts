import type { Context } from "hono";
import type { z } from "@hono/zod-openapi";
import { inboxItemView, itemStateView } from "../../domain/inbox.ts";
import {
  changeInboxItem,
  countInbox,
  type Mark,
  markInboxItems,
  readInbox,
} from "../../ledger/inbox.ts";
import { executeOn } from "../../ledger/sql.ts";
import { inTransaction } from "../../ledger/transaction.ts";
import type { ApiEnv } from "../http/context.ts";
import { readPageByCreation } from "../http/page-reading.ts";
import { idParams, readPathId, throwNotFound } from "../http/path-ids.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import type { Services } from "../services.ts";
import { announceChange } from "./announce.ts";
import {
  countsAnswer,
  inboxPage,
  inboxQuery,
  itemAnswer,
  itemChange,
  markedAnswer,
  markRequest,
} from "./schemas.ts";

const list = defineRoute({
  method: "get",
  path: "/v1/me/inbox",
  access: "recipient",
  purpose: "inbox",
  summary: "List the items of my inbox, newest first, with their counts",
  request: { query: inboxQuery },
  responses: responses(200, "A page of items", inboxPage),
});

const counts = defineRoute({
  method: "get",
  path: "/v1/me/inbox/counts",
  access: "recipient",
  purpose: "inbox",
  summary: "Count the items of my inbox that I have not seen, and those that I have not read",
  responses: responses(200, "The counts", countsAnswer),
});

const change = defineRoute({
  method: "patch",
  path: "/v1/me/inbox/{id}",
  access: "recipient",
  purpose: "inbox",
  summary: "Mark an item of my inbox as seen, read, unread, archived or not archived",
  request: { params: idParams("inboxItem"), body: jsonContent(itemChange) },
  responses: responses(200, "The item after the change", itemAnswer),
});

const markRoute = <const Path extends string>(path: Path, summary: string) =>
  defineRoute({
    method: "post",
    path,
    access: "recipient",
    purpose: "inbox",
    summary,
    request: { body: jsonContent(markRequest) },
    responses: responses(200, "What was changed, and the counts", markedAnswer),
  });

const readAll = markRoute("/v1/me/inbox/read-all", "Mark all items of my inbox as read up to one");
const seenAll = markRoute("/v1/me/inbox/seen-all", "Mark all items of my inbox as seen up to one");

/** The routes by which recipients read and mark the items of their inbox. */
export function inboxRoutes(services: Services) {
  const { pool, clock } = services;
  const execute = executeOn(pool);

  async function markAll(
    c: Context<ApiEnv>,
    mark: Mark,
    upTo: string,
  ): Promise<z.output<typeof markedAnswer>> {
    const recipientId = c.get("recipientId");
    const now = clock();
    const marked = await inTransaction(pool, (client) =>
      markInboxItems(executeOn(client), { recipientId, upTo, now, mark }),
    );
    if (marked && marked.changed > 0) {
      const upToCreatedAt = marked.upTo.createdAt.toISOString();
      const at = now.toISOString();
      announceChange(services, { recipientId, change: { mark, upTo, upToCreatedAt, at } });
    }
    return { changed: marked?.changed ?? 0, counts: await countInbox(execute, recipientId) };
  }

  return createRouter()
    .openapi(list, async (c) => {
      const { state, category = null, ...page } = c.req.valid("query");
      const recipientId = c.get("recipientId");
      const { items, nextCursor } = await readPageByCreation(
        { ...page, sort: "-createdAt" },
        ({ after, take }) => readInbox(execute, { state, recipientId, category, after, take }),
        inboxItemView,
      );
      return c.json({ items, nextCursor, counts: await countInbox(execute, recipientId) }, 200);
    })
    .openapi(counts, async (c) => c.json(await countInbox(execute, c.get("recipientId")), 200))
    .openapi(change, async (c) => {
      const recipientId = c.get("recipientId");
      const id = readPathId("inboxItem", c.req.valid("param").id);
      const wanted = c.req.valid("json");
      const now = clock();
      const changed = await inTransaction(pool, (client) =>
        changeInboxItem(executeOn(client), { id, recipientId }, wanted, now),
      );
      if (!changed) throwNotFound("inboxItem");
      const { item, isChanged } = changed;
      if (isChanged) {
        const { id: _, ...state } = itemStateView(item);
        announceChange(services, { recipientId, change: { itemId: id, state } });
      }
      return c.json(inboxItemView(item), 200);
    })
    .openapi(readAll, async (c) => c.json(await markAll(c, "read", c.req.valid("json").upTo), 200))
    .openapi(seenAll, async (c) => c.json(await markAll(c, "seen", c.req.valid("json").upTo), 200));
}
