import { z } from "@hono/zod-openapi";
import { newAttachment } from "../../domain/attachment.ts";
import { publicId } from "../../domain/ids.ts";
import { describeAttachment } from "../../ledger/attachments.ts";
import { executeOn } from "../../ledger/sql.ts";
import { recordChanges } from "../http/audit.ts";
import { exampleIdOf, idParams, readPathId, throwNotFound } from "../http/path-ids.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import type { Services } from "../services.ts";
import { storeAttachment, toProblem } from "./store.ts";

const stored = z
  .object({
    id: z.string().openapi({ example: exampleIdOf("attachment") }),
    filename: z.string().openapi({ example: "invoice-17.pdf" }),
    contentType: z.string().openapi({ example: "application/pdf" }),
    size: z.number().int().openapi({ description: "The size in bytes", example: 48_213 }),
  })
  .openapi("Attachment");

const upload = defineRoute({
  method: "post",
  path: "/v1/attachments",
  access: "sender",
  class: "upload",
  summary: "Upload a file that emails can attach",
  description:
    "The file is stored once, encrypted, and never changes: the same file with the same name and type has the same id. It is removed when no notification and no campaign has needed it for as long as deliveries are kept.",
  request: { body: jsonContent(newAttachment) },
  responses: responses(201, "The stored file", stored),
});

const get = defineRoute({
  method: "get",
  path: "/v1/attachments/{id}",
  access: "viewer",
  summary: "Get the name, the type and the size of a stored file",
  request: { params: idParams("attachment") },
  responses: responses(200, "The stored file", stored),
});

export function attachmentRoutes(services: Services) {
  const { pool, prisma, sealer, clock } = services;

  return createRouter()
    .openapi(upload, async (c) => {
      const file = c.req.valid("json");
      const createdBy = c.get("caller").id;
      const { id, size } = await storeAttachment(services, file, { createdBy, uploaded: true });
      const resource = publicId("attachment", id);
      // The audit trail outlives the file, so that it has neither the name nor anything else of it.
      await recordChanges(
        c,
        prisma,
        [{ action: "attachment.upload", resource, after: { size } }],
        clock(),
      );
      const { filename, contentType } = file;
      return c.json({ id: resource, filename, contentType, size }, 201);
    })
    .openapi(get, async (c) => {
      const id = readPathId("attachment", c.req.valid("param").id);
      const file = await describeAttachment(executeOn(pool), sealer, id).catch((error: unknown) => {
        throw toProblem(error);
      });
      if (!file) throwNotFound("attachment");
      const { filename, contentType, size } = file;
      return c.json({ id: publicId("attachment", id), filename, contentType, size }, 200);
    });
}
