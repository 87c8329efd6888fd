import { z } from "@hono/zod-openapi";
import { text } from "../../domain/text.ts";
import { idempotencyHeaders } from "../http/idempotency.ts";
import { type FieldError, invalid, Problem } from "../http/problem.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import {
  anyVersion,
  exampleData,
  findTemplate,
  findVersion,
  templateParams,
} from "../templates/store.ts";
import { acceptInRequest } from "./accept-request.ts";
import { acceptedNotification } from "./schemas.ts";
import type { Services } from "../services.ts";

const test = defineRoute({
  method: "post",
  path: "/v1/templates/{key}/test",
  access: "sender",
  class: "accept",
  scope: "notifications:write",
  summary:
    "Send a test message: a real notification with a version of this template, marked as a test",
  request: {
    params: templateParams,
    headers: idempotencyHeaders,
    body: jsonContent(
      z.strictObject({
        recipient: text(200).openapi({
          description: "The recipient’s external id, or rcp_…",
          example: "ada",
        }),
        data: exampleData,
        version: anyVersion,
      }),
    ),
  },
  responses: responses(202, "The test message was accepted", acceptedNotification),
});

/** The route that sends a version of a template to one recipient as a test. */
export function templateTestRoutes(services: Services) {
  const { prisma } = services;

  return createRouter().openapi(test, async (c) => {
    const { key } = c.req.valid("param");
    const { recipient, data, version: wanted } = c.req.valid("json");
    const template = await findTemplate(prisma, key);
    const { version } = await findVersion(prisma, template, wanted);
    try {
      const notification = {
        recipients: [recipient],
        template: { key, version },
        data,
        actions: [],
      };
      return await acceptInRequest(c, services, notification, { test: true });
    } catch (error) {
      if (error instanceof Problem && error.kind === "invalid")
        throw invalid(error.errors.map(toTestError));
      throw error;
    }
  });
}

/** Converts an error in the body of a notification to an error in the request for a test message. */
function toTestError(error: FieldError): FieldError {
  if (error.field === "/recipients/0") return { ...error, field: "/recipient" };
  return error.field.startsWith("/template") ? { ...error, in: "path", field: "key" } : error;
}
