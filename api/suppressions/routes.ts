import { z } from "@hono/zod-openapi";
import { restorePlus } from "../../domain/address.ts";
import { publicId } from "../../domain/ids.ts";
import {
  hashedAddress,
  importedSuppression,
  newSuppression,
  type SuppressedChannel,
  suppressedAddress,
  suppressedChannels,
  suppressionReasons,
} from "../../domain/suppression.ts";
import type { Prisma, Suppression } from "../../prisma/generated/client.ts";
import { withAuditedTransaction } from "../http/idempotency.ts";
import { maskFor } from "../http/masking.ts";
import { addressBookNames } from "../imports/address-books.ts";
import { columnsParameter, type KnownColumns, plainName } from "../imports/columns.ts";
import { importBody, importDescription, importOutcome, importStream } from "../imports/stream.ts";
import { filterByCreation, filterBy, readPage } from "../http/page-reading.ts";
import {
  byCreation,
  createdBetween,
  oneOrMore,
  pageOf,
  pageQuery,
  withPlus,
} from "../http/pages.ts";
import { throwNotFound, exampleIdOf, readPathId, idParams } from "../http/path-ids.ts";
import {
  createRouter,
  defineRoute,
  jsonContent,
  problemResponse,
  responses,
} from "../http/router.ts";
import { addSuppression, importSuppressions } from "./store.ts";
import type { Services } from "../services.ts";

const suppressionImportPath = "/v1/suppressions/import";

const suppression = z
  .object({
    id: z.string().openapi({ example: exampleIdOf("suppression") }),
    channel: z.enum(suppressedChannels),
    address: z.string().openapi({
      description:
        "The address in its normalised spelling, masked where the addresses of recipients are, or `sha256:` and its hash after its recipient has been erased",
      example: "ada@example.org",
    }),
    reason: z.enum(suppressionReasons),
    note: z.string().nullable().openapi({ example: "Asked for it by telephone" }),
    createdBy: z.string().openapi({
      description:
        "The cause of the suppression: the caller, as `bootstrap` or the id of an API key, or the id of the delivery that bounced",
      example: "bootstrap",
    }),
    createdAt: z.iso.datetime(),
    expiresAt: z.iso
      .datetime()
      .nullable()
      .openapi({ description: "When the suppression ends; null means until it is removed" }),
  })
  .openapi("Suppression");

const params = idParams("suppression");

/** A parameter that names an address in any spelling. The form of the address determines the channel. */
const addressParameter = z
  .string()
  .transform((given, context): { channel: SuppressedChannel; address: string } => {
    for (const channel of suppressedChannels) {
      const found = suppressedAddress(channel, restorePlus(withPlus(given)));
      if (found.kind === "address") return { channel, address: found.address };
    }
    context.addIssue({
      code: "custom",
      message: "must be an email address, or a phone number in E.164 form, such as +4915112345678",
    });
    return z.NEVER;
  })
  .openapi({
    type: "string",
    description: "The address, in any spelling",
    example: "ada@example.org",
  });

const list = defineRoute({
  method: "get",
  path: "/v1/suppressions",
  access: "viewer",
  summary: "List suppressed addresses, newest first",
  request: {
    query: z.object({
      ...pageQuery(byCreation),
      channel: oneOrMore(suppressedChannels).optional(),
      reason: oneOrMore(suppressionReasons).optional(),
      address: addressParameter.optional(),
      ...createdBetween,
    }),
  },
  responses: responses(200, "A page of suppressions", pageOf(suppression)),
});

const get = defineRoute({
  method: "get",
  path: "/v1/suppressions/{id}",
  access: "viewer",
  summary: "Get a suppression",
  request: { params },
  responses: responses(200, "The suppression", suppression),
});

const add = defineRoute({
  method: "post",
  path: "/v1/suppressions",
  access: "sender",
  summary: "Suppress an address, so that no message is sent to it",
  request: {
    body: jsonContent(
      newSuppression.meta({
        example: { channel: "email", address: "ada@example.org", note: "Asked for it" },
      }),
    ),
  },
  responses: {
    ...responses(200, "The address was already suppressed, and nothing was changed", suppression),
    201: {
      description: "The new suppression",
      content: { "application/json": { schema: suppression } },
    },
  },
});

const remove = defineRoute({
  method: "delete",
  path: "/v1/suppressions/{id}",
  access: "admin",
  summary: "Remove a suppression, so that messages are sent to the address again",
  request: { params },
  responses: { 204: { description: "The suppression was removed" }, ...problemResponse },
});

const importColumns: KnownColumns = {
  columns: new Map(["address", "channel", "reason", "note"].map((name) => [name, name])),
  // Exported lists of unsubscribed or bounced addresses use the column names of mailing programs.
  otherNames: new Map(
    [
      ["address", ["Address", "Email", "E-mail", "Email Address", "E-mail Address", "Recipient"]],
      ["channel", ["Channel"]],
      ["reason", ["Reason"]],
      ["note", ["Note", "Notes"]],
    ].flatMap(([field, names]) =>
      (names as string[]).map((name) => [plainName(name), field as string] as const),
    ),
  ),
  requiredColumn: "address",
  sideNames: addressBookNames,
  freeText: new Set(["note"]),
};

const importRoute = defineRoute({
  method: "post",
  path: suppressionImportPath,
  access: "sender",
  class: "import",
  summary: "Import suppressed addresses from a stream of any length",
  description:
    "CSV with the header `address` and optionally `channel` (default email), `reason` (default imported) and `note`, or one JSON object with these fields on each line. " +
    importDescription +
    "An address that is already suppressed is not changed, and counts as imported. Invalid lines are reported and valid ones stored, also if the stream breaks off. In that case send the whole import again.",
  request: {
    query: z.object({ columns: columnsParameter(importColumns).optional() }),
    body: importBody({
      csv: "address,reason\nada@example.org,unsubscribed\n",
      ndjson: '{"address":"ada@example.org","reason":"unsubscribed"}\n',
    }),
  },
  responses: responses(200, "The result for the lines", importOutcome),
});

export function suppressionRoutes(services: Services) {
  const { prisma, clock } = services;

  return createRouter()
    .openapi(list, async (c) => {
      const query = c.req.valid("query");
      const { channel, reason, address } = query;
      const filters: Prisma.SuppressionWhereInput[] = [
        filterByCreation(query),
        channel ? { channel: { in: channel } } : {},
        reason ? { reason: { in: reason } } : {},
        address
          ? {
              channel: address.channel,
              address: { in: [address.address, hashedAddress(address.address)] },
            }
          : {},
      ];
      const suppressions = await readPage(
        query,
        byCreation,
        (page) => prisma.suppression.findMany(filterBy(page, ...filters)),
        (row) => maskFor(c, suppressionJson(row)),
      );
      return c.json(suppressions, 200);
    })
    .openapi(get, async (c) => {
      const id = readPathId("suppression", c.req.valid("param").id);
      const row = await prisma.suppression.findUnique({ where: { id } });
      if (!row) throwNotFound("suppression");
      return c.json(maskFor(c, suppressionJson(row)), 200);
    })
    .openapi(add, async (c) => {
      const wanted = c.req.valid("json");
      const adding = { createdBy: c.get("caller").id, now: clock() };
      const { created, ...row } = await withAuditedTransaction(c, services, async (tx) => {
        const stored = await addSuppression(tx, wanted, adding);
        const after = suppressionJson(stored);
        return {
          body: stored,
          changes: stored.created ? [{ action: "suppression.add", resource: after.id, after }] : [],
        };
      });
      return c.json(suppressionJson(row), created ? 201 : 200);
    })
    .openapi(remove, async (c) => {
      const id = readPathId("suppression", c.req.valid("param").id);
      await withAuditedTransaction(c, services, async (tx) => {
        // If two requests remove the suppression at the same time, only one of them finds it.
        const [row] = await tx.$queryRaw<
          Suppression[]
        >`DELETE FROM suppressions WHERE id = ${id}::uuid RETURNING id, channel, address, reason, note, created_by AS "createdBy", created_at AS "createdAt", expires_at AS "expiresAt"`;
        if (!row) throwNotFound("suppression");
        const before = suppressionJson(row);
        return {
          body: null,
          changes: [{ action: "suppression.remove", resource: before.id, before }],
        };
      });
      return c.body(null, 204);
    })
    .openapi(importRoute, async (c) => {
      const adding = { createdBy: c.get("caller").id, now: clock() };
      const outcome = await importStream(c, services, {
        kind: { ...importColumns, schema: importedSuppression },
        options: { mapping: c.req.valid("query").columns },
        action: "suppression.import",
        resource: "suppressions",
        write: async (client, items) => {
          const created = await importSuppressions(
            client,
            items.map(({ item }) => item),
            adding,
          );
          return { created, changed: 0, unchanged: items.length - created };
        },
      });
      return c.json(outcome, 200);
    });
}

function suppressionJson({
  id,
  channel,
  address,
  reason,
  note,
  createdBy,
  createdAt,
  expiresAt,
}: Suppression) {
  return {
    id: publicId("suppression", id),
    channel: channel as SuppressedChannel,
    address,
    reason,
    note,
    createdBy,
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt?.toISOString() ?? null,
  };
}
