import { z } from "@hono/zod-openapi";
import { exampleIdOf } from "../http/path-ids.ts";

export const acceptedNotification = z
  .object({
    id: z.string().openapi({ example: exampleIdOf("notification") }),
    deliveries: z
      .number()
      .int()
      .openapi({ description: "The number of deliveries: one for each recipient", example: 2 }),
  })
  .openapi("AcceptedNotification");
