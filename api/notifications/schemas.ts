import { z } from "@hono/zod-openapi";
import { exampleIdOf } from "../http/path-ids.ts";

export const acceptedNotification = z
  .object({
    id: z.string().openapi({ example: exampleIdOf("notification") }),
    deliveries: z.number().int().openapi({ example: 2 }),
  })
  .openapi("AcceptedNotification");
