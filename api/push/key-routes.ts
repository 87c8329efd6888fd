import { z } from "@hono/zod-openapi";
import { Problem } from "../http/problem.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import type { Services } from "../services.ts";

const show = defineRoute({
  method: "get",
  path: "/v1/push/key",
  access: "public",
  class: "page",
  crossOrigin: true,
  summary: "Get the public key with which browsers subscribe to push notifications",
  description:
    "It is the `applicationServerKey` of `PushManager.subscribe()`. Push services deliver only messages that are signed with its private half. The response is a 404 while this installation has no keys for push.",
  responses: responses(
    200,
    "The public key",
    z
      .object({
        key: z.string().openapi({
          description: "The public key of VAPID (RFC 8292), in base64url",
          example:
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        }),
      })
      .openapi("PushKey"),
  ),
});

/** The route with the public key of push. */
export function pushKeyRoutes({ config }: Services) {
  return createRouter().openapi(show, (c) => {
    const { vapidPublicKey } = config;
    if (vapidPublicKey === null)
      throw new Problem(
        "not-found",
        "This installation sends no push notifications, because VAPID_PUBLIC_KEY is not set.",
      );
    return c.json({ key: vapidPublicKey }, 200, { "Cache-Control": "public, max-age=300" });
  });
}
