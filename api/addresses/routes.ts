import { z } from "@hono/zod-openapi";
import { publicId } from "../../domain/ids.ts";
import { webPushKind } from "../../domain/push-subscription.ts";
import { recipientReference } from "../../domain/recipient.ts";
import { listAddresses, maxAddresses } from "../../ledger/addresses.ts";
import { executeOn } from "../../ledger/sql.ts";
import { readSuppressions } from "../../ledger/suppressions.ts";
import { maskFor } from "../http/masking.ts";
import { idParams, readPathId, throwNotFound } from "../http/path-ids.ts";
import {
  createRouter,
  defineRoute,
  jsonContent,
  problemResponse,
  responses,
} from "../http/router.ts";
import { readRecipient, recipientParams } from "../recipients/store.ts";
import type { Services } from "../services.ts";
import { forgetAddress, registerSubscription } from "./register.ts";
import {
  addressAnswer,
  addressJson,
  addressLabel,
  contactAnswer,
  describedSubscription,
} from "./schemas.ts";

const path = "/v1/recipients/{recipient}/addresses";
const onePath = `${path}/{id}` as const;
const oneParams = recipientParams.extend(idParams("address").shape);

const list = defineRoute({
  method: "get",
  path,
  access: "viewer",
  summary: "List the addresses of a recipient on channels where they may have several",
  description:
    "`items` are the devices that receive push notifications. Email address and phone number are fields of the recipient; `contacts` says whether they are suppressed.",
  request: { params: recipientParams },
  responses: responses(
    200,
    "The addresses, the newest first on each channel",
    z
      .object({ items: z.array(addressAnswer), contacts: z.array(contactAnswer) })
      .openapi("Addresses"),
  ),
});

const get = defineRoute({
  method: "get",
  path: onePath,
  access: "viewer",
  summary: "Get an address of a recipient",
  request: { params: oneParams },
  responses: responses(200, "The address", addressAnswer),
});

const register = defineRoute({
  method: "post",
  path,
  access: "sender",
  summary: "Register the subscription of a browser for a recipient",
  description:
    `Idempotent: a subscription is one address for all recipients, and one that another recipient had moves to this one. A recipient has at most ${maxAddresses} devices; a further one replaces the one that was unused ` +
    "for the longest time. Browsers can register themselves with PUT /v1/me/push-subscriptions.",
  request: {
    params: recipientParams,
    body: jsonContent(
      z.strictObject({
        kind: z.literal(webPushKind).openapi({ example: webPushKind }),
        subscription: describedSubscription,
        label: addressLabel,
      }),
    ),
  },
  responses: {
    ...responses(200, "The address, which the recipient had before", addressAnswer),
    201: {
      description: "The new address of the recipient",
      content: { "application/json": { schema: addressAnswer } },
    },
  },
});

const remove = defineRoute({
  method: "delete",
  path: onePath,
  access: "sender",
  summary: "Remove an address of a recipient",
  request: { params: oneParams },
  responses: { 204: { description: "The address is removed" }, ...problemResponse },
});

/** The routes with which services manage the addresses of recipients. */
export function addressRoutes(services: Services) {
  const { prisma, pool } = services;

  return createRouter()
    .openapi(list, async (c) => {
      const person = await readRecipient(
        prisma,
        recipientReference(c.req.valid("param").recipient),
      );
      const rows = await listAddresses(executeOn(pool), person.id);
      const pairs = [
        { channel: "email" as const, address: person.email },
        { channel: "sms" as const, address: person.phone },
      ];
      const suppressionOf = await readSuppressions(pool, pairs);
      const contacts = pairs.flatMap(({ channel, address }) => {
        if (address === null) return [];
        const found = suppressionOf({ channel, address });
        const suppressed = found && { reason: found.reason, since: found.since.toISOString() };
        return [{ channel, address, suppressed }];
      });
      return c.json({ items: rows.map(addressJson), contacts: maskFor(c, contacts) }, 200);
    })
    .openapi(get, async (c) => {
      const { recipient, id: wanted } = c.req.valid("param");
      const { id } = await readRecipient(prisma, recipientReference(recipient));
      const rows = await listAddresses(executeOn(pool), id);
      const row = rows.find((one) => publicId("address", one.id) === wanted);
      return c.json(addressJson(row ?? throwNotFound("address")), 200);
    })
    .openapi(register, async (c) => {
      const named = recipientReference(c.req.valid("param").recipient);
      const { created, address } = await registerSubscription(
        c,
        services,
        named,
        c.req.valid("json"),
      );
      return c.json(addressJson(address), created ? 201 : 200);
    })
    .openapi(remove, async (c) => {
      const { recipient, id } = c.req.valid("param");
      const which = { id: readPathId("address", id) };
      if (!(await forgetAddress(c, services, recipientReference(recipient), which)))
        throwNotFound("address");
      return c.body(null, 204);
    });
}
