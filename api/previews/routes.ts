import { z } from "@hono/zod-openapi";
import type { NewNotification, TemplateReference } from "../../domain/notification.ts";
import { newNotification } from "../../domain/notification.ts";
import type { NotificationType } from "../../domain/policy/notification-type.ts";
import type { TemplateContent } from "../../domain/templates/content.ts";
import { sampleAudience } from "../../ledger/audience-sample.ts";
import type { Rulebook } from "../../ledger/rulebook.ts";
import { createLimiter } from "../../lib/concurrency-limit.ts";
import { newCampaignBody } from "../campaigns/create.ts";
import type { Caller } from "../http/keyring.ts";
import { refuseForeignSender } from "../http/mail-domains.ts";
import { type FieldError, invalid } from "../http/problem.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import { offeredChannels, type PreviewedMessage } from "../policy/previewed-message.ts";
import { segmentsOf } from "../segments/audience.ts";
import type { Services } from "../services.ts";
import { dataErrors } from "../templates/version-cache.ts";
import { maxExamples, messagePreview, messagePreviewJson } from "./answer.ts";
import { type Pages, previewForRecipients } from "./preview-message.ts";
import { findNamedRecipients, inPages, readRecipients } from "./recipients.ts";
import { createTally } from "./tally.ts";

/** The largest number of recipients of an audience who are decided. */
const maxDecided = 10_000;

const query = z.object({
  examples: z.coerce
    .number(`must be a whole number from 0 to ${maxExamples}`)
    .int()
    .min(0)
    .max(maxExamples)
    .default(5)
    .openapi({ description: "The largest number of examples of each outcome", example: 5 }),
});

const description =
  "Makes the first decision on each delivery, together with the messages that wait for its recipient: at the time at which the message would go out, with the recipients, preferences, " +
  "limits and rules of now. Nothing is stored or sent. Throttles, outages of providers, and the load, which makes batches larger, are not taken into account. Messages that wait now are not considered " +
  "if the message would go out more than a day later. ";

const previewNotification = defineRoute({
  method: "post",
  path: "/v1/notifications/preview",
  access: "viewer",
  class: "heavy",
  summary:
    "Preview a notification for all its recipients: who would get it, when, and by which channel",
  description:
    description +
    "The body is that of POST /v1/notifications. Recipients who do not exist are not created. Attachments are not looked at, and neither are the limits on waiting deliveries.",
  request: {
    query,
    body: jsonContent(
      newNotification.meta({
        example: {
          recipients: ["customer-17", "customer-42"],
          template: { key: "order-shipped" },
          data: { order: "A-17" },
        },
      }),
    ),
  },
  responses: responses(200, "What would happen", messagePreview),
});

const previewCampaign = defineRoute({
  method: "post",
  path: "/v1/campaigns/preview",
  access: "viewer",
  class: "heavy",
  summary: "Preview a campaign for its audience: who would get it, when, and by which channel",
  description:
    description +
    `The body is that of POST /v1/campaigns. Of an audience of more than ${maxDecided.toLocaleString("en")} recipients, a random sample of that many is decided.`,
  request: { query, body: jsonContent(newCampaignBody) },
  responses: responses(200, "What would happen", messagePreview),
});

/** How many previews run at once. Each occupies a CPU core. */
const previewsAtOnce = 1;

export function messagePreviewRoutes(services: Services) {
  const { prisma, pool, clock, config, readPolicySnapshot } = services;
  const limitPreviews = createLimiter(previewsAtOnce);

  /** Previews the message for each recipient of the pages, and makes the answer. */
  const answer = (
    { rulebook, ...message }: PreviewedMessage & { content: TemplateContent; rulebook: Rulebook },
    of: number,
    pages: Pages,
    { now, examples }: { now: Date; examples: number },
  ) =>
    limitPreviews(async () => {
      const tally = createTally(examples);
      const preview = { message, rulebook, now, isOffered: offeredChannels(config) };
      for await (const outcome of previewForRecipients(pool, preview, pages)) tally.add(outcome);
      const versions = {
        policy: rulebook.policyVersion,
        type: message.type?.version ?? null,
      };
      return messagePreviewJson(tally.count(), { at: message.at, of, versions });
    });

  return createRouter()
    .openapi(previewNotification, async (c) => {
      const wanted = c.req.valid("json");
      const { examples } = c.req.valid("query");
      const now = clock();
      const rulebook = await readPolicySnapshot();
      const { type, errors } = await findType(services, rulebook, wanted.type ?? null);
      const found = await findContent(services, c.get("caller"), wanted);
      const named = await findNamedRecipients(pool, wanted.recipients, now);
      errors.push(...found.errors, ...named.errors);
      if (errors.length > 0) throw invalid(errors);
      const preview = await answer(
        {
          rulebook,
          content: found.content,
          source: "notification",
          requested: wanted.route ?? null,
          type,
          priority: wanted.priority ?? type?.priority ?? "normal",
          data: wanted.data,
          entityId: wanted.entityId ?? null,
          at: latest(wanted.sendAt, now),
          occursAt: wanted.occursAt ?? null,
          expiresAt: wanted.expiresAt ?? null,
          batchable: wanted.batchable ?? !hasParts(wanted),
          bypassRateLimit: wanted.bypassRateLimit ?? false,
          dedupKey: wanted.dedupKey ?? null,
          collapseKey: wanted.collapseKey ?? null,
        },
        named.recipients.length,
        inPages(named.recipients),
        { now, examples },
      );
      return c.json(preview, 200);
    })
    .openapi(previewCampaign, async (c) => {
      const wanted = c.req.valid("json");
      const { examples } = c.req.valid("query");
      const now = clock();
      const rulebook = await readPolicySnapshot();
      refuseForeignSender(wanted.email, config, "/email");
      const { type, errors } = await findType(services, rulebook, wanted.type);
      const found = await findContent(services, c.get("caller"), wanted);
      errors.push(...found.errors);
      if (errors.length > 0) throw invalid(errors);
      const segments = await segmentsOf(prisma, wanted.audience);
      const sample = await sampleAudience(pool, wanted.audience, segments, maxDecided);
      const preview = await answer(
        {
          rulebook,
          content: found.content,
          source: "campaign",
          requested: wanted.route,
          type,
          priority: wanted.priority ?? type?.priority ?? "normal",
          data: wanted.data,
          entityId: null,
          at: latest(wanted.startAt, now),
          occursAt: null,
          expiresAt: null,
          batchable: true,
          bypassRateLimit: false,
          dedupKey: null,
          collapseKey: null,
        },
        sample.size,
        readRecipients(pool, sample.ids),
        { now, examples },
      );
      return c.json(preview, 200);
    });
}

const latest = (wanted: Date | undefined, now: Date): Date =>
  wanted && wanted > now ? wanted : now;

/** Whether a notification has attachments or copies, with which it is never batched. */
const hasParts = ({ attachments = [], cc = [], bcc = [] }: NewNotification): boolean =>
  attachments.length + cc.length + bcc.length > 0;

async function findType(
  { notificationTypes }: Services,
  { types }: Rulebook,
  key: string | null,
): Promise<{ type: NotificationType | null; errors: FieldError[] }> {
  if (key === null) return { type: null, errors: [] };
  const found = await notificationTypes.find(key);
  return found.kind === "unusable"
    ? { type: null, errors: [found.error] }
    : { type: types.get(found.type.id) ?? found.type, errors: [] };
}

/** Finds the content of a message, which is not stored, and what is wrong with it or with the data for it. */
async function findContent(
  { templateVersions, inlineContents, prisma }: Services,
  caller: Caller,
  {
    template,
    content,
    data,
  }: {
    template?: TemplateReference | undefined;
    content?: NewNotification["content"];
    data: Record<string, unknown>;
  },
): Promise<{ content: TemplateContent; errors: readonly FieldError[] }> {
  if (template === undefined) {
    const checked = await inlineContents.check(caller, content!);
    return checked.kind === "checked"
      ? { content: checked.content, errors: [] }
      : { content: {}, errors: checked.errors };
  }
  const version = await templateVersions.find(template);
  if (version.kind === "unusable") return { content: {}, errors: [version.error] };
  const row = await prisma.templateVersion.findUnique({
    where: { id: version.id },
    select: { content: true },
  });
  return {
    content: (row?.content ?? {}) as TemplateContent,
    errors: dataErrors(version.checkData, data),
  };
}
