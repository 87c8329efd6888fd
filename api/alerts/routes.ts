import { z } from "@hono/zod-openapi";
import { type AlertKind, alertKinds, describeAlert } from "../../domain/alerts.ts";
import { newUuid, publicId } from "../../domain/ids.ts";
import type { Alert } from "../../prisma/generated/client.ts";
import { changeOf } from "../http/audit.ts";
import { withAuditedTransaction } from "../http/idempotency.ts";
import { filterBy, readPage } from "../http/page-reading.ts";
import { byCreation, pageOf, pageQuery } from "../http/pages.ts";
import { exampleIdOf, idParams, readPathId, throwNotFound } from "../http/path-ids.ts";
import { Problem } from "../http/problem.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import type { Services } from "../services.ts";
import type { UnstoredAlert } from "./watch.ts";

const alert = z
  .object({
    id: z
      .string()
      .nullable()
      .openapi({
        description: "Null for an alert that the database cannot store",
        example: exampleIdOf("alert"),
      }),
    kind: z.enum(alertKinds).openapi({ example: "provider_down" }),
    subject: z.string().openapi({
      description:
        "What it is about: the id of a campaign or a webhook endpoint, or the name of a provider or a host; empty where there is only one",
      example: "smtp-1",
    }),
    title: z.string().openapi({ example: "The provider smtp-1 is not used" }),
    detail: z.string().openapi({
      description: "What was found",
      example: "The provider is not used, because its calls fail.",
    }),
    path: z.string().openapi({
      description: "The path below `/console` that shows more",
      example: "/providers",
    }),
    openedAt: z.iso.datetime(),
    closedAt: z.iso.datetime().nullable().openapi({
      description: "When its cause was gone; null while it is there",
      example: null,
    }),
    acknowledgedAt: z.iso.datetime().nullable().openapi({ example: null }),
    acknowledgedBy: z.string().nullable().openapi({
      description: "The id of the API key or the operator that acknowledged it, or `bootstrap`",
      example: null,
    }),
    notification: z
      .string()
      .nullable()
      .openapi({
        description: "The notification that operators got; null if there is none",
        example: exampleIdOf("notification"),
      }),
  })
  .openapi("Alert");

const list = defineRoute({
  method: "get",
  path: "/v1/alerts",
  access: "viewer",
  summary: "List alerts to operators, newest first",
  description:
    "Tidings checks itself every 15 seconds, and opens an alert for each cause that operators should know of. A cause that goes and comes back within 15 minutes goes on with its alert.",
  request: {
    query: z.object({
      ...pageQuery(byCreation),
      state: z
        .enum(["open"])
        .optional()
        .openapi({ description: "`open` selects alerts whose cause is still there" }),
    }),
  },
  responses: responses(200, "A page of alerts", pageOf(alert)),
});

const acknowledge = defineRoute({
  method: "post",
  path: "/v1/alerts/{id}/acknowledge",
  access: "sender",
  summary: "Acknowledge an alert, so that others see that somebody takes care of it",
  description: "The first operator who acknowledges it is kept.",
  request: { params: idParams("alert") },
  responses: responses(200, "The alert", alert),
});

const test = defineRoute({
  method: "post",
  path: "/v1/alerts/test",
  access: "admin",
  summary: "Notify the recipients of alerts, as an alert would",
  responses: responses(
    202,
    "The notification was accepted",
    z.object({ notification: z.string().openapi({ example: exampleIdOf("notification") }) }),
  ),
});

export function alertRoutes(services: Services) {
  const { prisma, alerts, config, clock } = services;

  return createRouter()
    .openapi(list, async (c) => {
      const query = c.req.valid("query");
      const page = await readPage(
        query,
        byCreation,
        (selection) =>
          prisma.alert.findMany(
            filterBy(selection, query.state === "open" ? { closedAt: null } : {}),
          ),
        alertJson,
      );
      const { unstored } = alerts;
      const isFirst = query.cursor === undefined && query.sort === "-createdAt";
      const items = unstored && isFirst ? [unstoredJson(unstored), ...page.items] : page.items;
      return c.json({ ...page, items }, 200);
    })
    .openapi(acknowledge, async (c) => {
      const id = readPathId("alert", c.req.valid("param").id);
      const json = await withAuditedTransaction(c, services, async (tx) => {
        await tx.$queryRaw`SELECT FROM alerts WHERE id = ${id}::uuid FOR UPDATE`;
        const before = await tx.alert.findUnique({ where: { id } });
        if (!before) throwNotFound("alert");
        if (before.acknowledgedAt) return { body: alertJson(before), changes: [] };
        const now = clock();
        const after = await tx.alert.update({
          where: { id },
          data: { acknowledgedAt: now, acknowledgedBy: c.get("caller").id, changedAt: now },
        });
        const body = alertJson(after);
        const changes = [changeOf("alert.acknowledge", body.id, alertJson(before), body)];
        return { body, changes };
      });
      return c.json(json, 200);
    })
    .openapi(test, async (c) => {
      if (config.alerts.recipients.length === 0)
        throw new Problem("conflict", "No recipients of alerts are configured: ALERT_RECIPIENTS.");
      const words = {
        title: "A test of alerts",
        detail: "Nothing is wrong: an operator has tried whether alerts arrive.",
        path: "/",
      };
      const notification = await alerts.send(words, newUuid(clock()));
      return c.json({ notification: publicId("notification", notification) }, 202);
    });
}

function alertJson({ id, subject, detail, acknowledgedBy, notificationId, ...row }: Alert) {
  const kind = row.kind as AlertKind;
  return {
    id: publicId("alert", id),
    kind,
    subject,
    detail,
    ...describeAlert({ kind, subject }),
    openedAt: row.openedAt.toISOString(),
    closedAt: row.closedAt?.toISOString() ?? null,
    acknowledgedAt: row.acknowledgedAt?.toISOString() ?? null,
    acknowledgedBy,
    notification: notificationId && publicId("notification", notificationId),
  };
}

const unstoredJson = ({ cause, since }: UnstoredAlert) => ({
  id: null,
  ...cause,
  ...describeAlert(cause),
  openedAt: since.toISOString(),
  closedAt: null,
  acknowledgedAt: null,
  acknowledgedBy: null,
  notification: null,
});
