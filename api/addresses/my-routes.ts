import { z } from "@hono/zod-openapi";
import { hashEndpoint } from "../../domain/push-subscription.ts";
import { text } from "../../domain/text.ts";
import { maxAddresses } from "../../ledger/addresses.ts";
import {
  createRouter,
  defineRoute,
  jsonContent,
  problemResponse,
  responses,
} from "../http/router.ts";
import type { Services } from "../services.ts";
import { forgetAddress, registerSubscription } from "./register.ts";
import { addressAnswer, addressJson, addressLabel, describedSubscription } from "./schemas.ts";

const path = "/v1/me/push-subscriptions";

const register = defineRoute({
  method: "put",
  path,
  access: "recipient",
  purpose: "push",
  summary: "Register the subscription of this browser, so that it receives my push notifications",
  description:
    `Send it again each time the page is loaded: the request is idempotent, and browsers change subscriptions by themselves. A subscription that another recipient had moves to me. I have at most ${maxAddresses} devices; ` +
    "a further one replaces the one that was unused for the longest time.",
  request: {
    body: jsonContent(z.strictObject({ subscription: describedSubscription, label: addressLabel })),
  },
  responses: {
    ...responses(200, "The address, which I had before", addressAnswer),
    201: {
      description: "My new address",
      content: { "application/json": { schema: addressAnswer } },
    },
  },
});

const remove = defineRoute({
  method: "delete",
  path,
  access: "recipient",
  purpose: "push",
  summary: "Remove a subscription of mine, so that its browser receives nothing any more",
  request: {
    body: jsonContent(
      z.strictObject({
        endpoint: text(2_000).openapi({
          description: "The endpoint of the subscription",
          example: "https://updates.push.services.mozilla.com/wpush/v2/gAAAAABexample",
        }),
      }),
    ),
  },
  responses: {
    204: { description: "I do not have this subscription any more" },
    ...problemResponse,
  },
});

/** The routes with which recipients register their own devices. */
export function myAddressRoutes(services: Services) {
  return createRouter()
    .openapi(register, async (c) => {
      const { created, address } = await registerSubscription(
        c,
        services,
        { id: c.get("recipientId") },
        c.req.valid("json"),
      );
      return c.json(addressJson(address), created ? 201 : 200);
    })
    .openapi(remove, async (c) => {
      const hash = hashEndpoint(c.req.valid("json").endpoint);
      await forgetAddress(c, services, { id: c.get("recipientId") }, { hash });
      return c.body(null, 204);
    });
}
