import { z } from "@hono/zod-openapi";
import { newNotification } from "../../domain/notification.ts";
import { sampleAudience } from "../../ledger/audience-sample.ts";
import { createLimiter } from "../../lib/concurrency-limit.ts";
import { newCampaignBody } from "../campaigns/create.ts";
import { invalid } from "../http/problem.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import { offeredChannels } from "../policy/previewed-message.ts";
import type { Services } from "../services.ts";
import { maxExamples, messagePreview, messagePreviewJson } from "./answer.ts";
import { campaignForecast, forecastJson } from "./forecast.ts";
import { createForecastTally } from "./forecast-tally.ts";
import { readHandOverLimits } from "./hand-over-limits.ts";
import {
  type DecidedMessage,
  findContent,
  findType,
  hasParts,
  latest,
  readCampaignMessage,
} from "./message-of.ts";
import { type Pages, previewForRecipients } from "./preview-message.ts";
import { readStoredCampaign, storedCampaign } from "./stored-campaign.ts";
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

const forecastCampaign = defineRoute({
  method: "post",
  path: "/v1/campaigns/forecast",
  access: "viewer",
  class: "heavy",
  summary: "Forecast when a campaign would be handed over, and to how many recipients",
  description:
    "Decides for the audience as POST /v1/campaigns/preview does, and calculates the hand-overs from the throttle, the rate limits and quotas of channels and providers, and what is due already. " +
    "The body is that of POST /v1/campaigns, or the id of a campaign that has not begun. Nothing is stored or sent.",
  request: { body: jsonContent(z.union([storedCampaign, newCampaignBody])) },
  responses: responses(200, "The forecast", campaignForecast),
});

/** How many previews run at once. Each occupies a CPU core. */
const previewsAtOnce = 1;

export function messagePreviewRoutes(services: Services) {
  const { prisma, pool, clock, config, readPolicySnapshot } = services;
  const limitPreviews = createLimiter(previewsAtOnce);

  /** Previews the message for each recipient of the pages, and makes the answer. */
  const answer = (
    { rulebook, ...message }: DecidedMessage,
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
          topic: null,
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
      const found = await readCampaignMessage(services, c.get("caller"), wanted, now);
      const sample = await sampleAudience(pool, wanted.audience, found.segments, maxDecided);
      const pages = readRecipients(pool, sample.ids);
      return c.json(await answer(found.message, sample.size, pages, { now, examples }), 200);
    })
    .openapi(forecastCampaign, async (c) => {
      const json = c.req.valid("json");
      const wanted = "campaign" in json ? await readStoredCampaign(prisma, json.campaign) : json;
      const now = clock();
      const found = await readCampaignMessage(services, c.get("caller"), wanted, now);
      const sample = await sampleAudience(pool, wanted.audience, found.segments, maxDecided);
      const { rulebook, ...message } = found.message;
      const tally = await limitPreviews(async () => {
        const counting = createForecastTally();
        const preview = { message, rulebook, now, isOffered: offeredChannels(config) };
        const pages = readRecipients(pool, sample.ids);
        for await (const outcome of previewForRecipients(pool, preview, pages))
          counting.add(outcome);
        return counting.count();
      });
      const limits = await readHandOverLimits(services, [...tally.arrivals.keys()], now);
      return c.json(
        forecastJson({
          tally,
          audience: sample.size,
          at: message.at,
          now,
          throttle: wanted.throttle?.perSecond ?? null,
          limits,
        }),
        200,
      );
    });
}
