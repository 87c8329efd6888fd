import { z } from "@hono/zod-openapi";
import { findMessage, type ProviderEvent } from "../../domain/provider-events/event.ts";
import { readMailgunEvents, readMailgunToken } from "../../domain/provider-events/mailgun.ts";
import { readPostmarkEvents } from "../../domain/provider-events/postmark.ts";
import { readSendGridEvents } from "../../domain/provider-events/sendgrid.ts";
import { readSesEvents } from "../../domain/provider-events/ses.ts";
import { createReturnAddresses } from "../../domain/return-addresses.ts";
import { noteForeignReport, StillSending } from "../../ledger/inbound-reports.ts";
import { createReportReceiver } from "../../ledger/receive-report.ts";
import { executeOn } from "../../ledger/sql.ts";
import type { ChangedRow } from "../../ledger/transitions.ts";
import { createOutboundClient } from "../../lib/outbound/client.ts";
import { wakeFor } from "../deliveries/changes.ts";
import { Problem } from "../http/problem.ts";
import { createRouter, defineRoute, problemResponse } from "../http/router.ts";
import type { Services } from "../services.ts";
import { isFromMailgun, isFromPostmark, isFromSendGrid, type SignedRequest } from "./signatures.ts";
import { SnsTopics } from "./sns.ts";

const providers = ["ses", "sendgrid", "mailgun", "postmark"] as const;
type Provider = (typeof providers)[number];

const receive = defineRoute({
  method: "post",
  path: "/v1/inbound/{provider}",
  access: "public",
  class: "webhook",
  takesRawBody: true,
  summary: "Receive what a provider of email reports",
  description:
    "Amazon SES (over SNS), SendGrid, Mailgun and Postmark POST here what became of messages: delivered, bounced, complained, unsubscribed. " +
    "The request is authorised by the provider's signature, or by the password of Postmark. Each event counts once, however often it is sent. " +
    "Events about other messages, and of other kinds, are ignored.",
  request: {
    params: z.object({
      provider: z.enum(providers).openapi({
        description: "The provider, whose secret must be configured",
        example: "sendgrid",
      }),
    }),
  },
  responses: { 204: { description: "The events are recorded" }, ...problemResponse },
});

const unsigned = () =>
  new Problem("forbidden", "The signature is not that of the configured provider.");

/** The route for webhooks of providers of email. It uses the connections that are reserved for requests without a key. */
export function inboundRoutes(services: Services) {
  const { publicPool, wakes, clock, config, readPolicySnapshot } = services;
  const { inbound } = config;
  const addresses =
    inbound.bounceDomain === null
      ? null
      : createReturnAddresses(config.tokenSecrets, inbound.bounceDomain);
  const topics = new SnsTopics(
    inbound.sesTopics,
    createOutboundClient({
      rules: { privateSubnets: [], ports: [], plain: false },
      deadlineMs: 10_000,
    }),
  );
  const record = createReportReceiver({
    pool: publicPool,
    readRulebook: readPolicySnapshot,
    mailboxShards: config.mailboxShards,
    clock,
    patienceMs: 2_000,
  });

  /** Verifies a webhook and reads its events. Throws a 403 for one that is not from the provider, and a 404 if the provider is not configured. */
  async function readEvents(
    provider: Provider,
    request: SignedRequest,
    body: unknown,
  ): Promise<ProviderEvent[]> {
    const { sesTopics, sendGridKey, mailgunKeys, postmarkSecrets } = inbound;
    const verified = (isConfigured: boolean, isValid: () => boolean) => {
      if (!isConfigured)
        throw new Problem("not-found", "This provider is not configured to report here.");
      if (!isValid()) throw unsigned();
    };
    switch (provider) {
      case "ses": {
        verified(sesTopics.length > 0, () => true);
        const message = await topics.verify(body);
        if (message === null) throw unsigned();
        if (message.Type === "SubscriptionConfirmation" && !(await topics.confirm(message)))
          throw new Problem("unavailable", "The subscription could not be confirmed.");
        return message.Type === "Notification"
          ? readSesEvents(message.MessageId, readJson(message.Message))
          : [];
      }
      case "sendgrid":
        verified(sendGridKey !== null, () => isFromSendGrid(request, sendGridKey!));
        return readSendGridEvents(body);
      case "mailgun":
        verified(mailgunKeys.length > 0, () => isFromMailgun(body, mailgunKeys, clock()));
        return readMailgunEvents(body);
      case "postmark":
        verified(postmarkSecrets.length > 0, () => isFromPostmark(request, postmarkSecrets));
        return readPostmarkEvents(body);
    }
  }

  return createRouter().openapi(receive, async (c) => {
    const { provider } = c.req.valid("param");
    const body = Buffer.from(c.get("rawBody"));
    const request = { header: (name: string) => c.req.header(name), body };
    const content = readJson(body.toString());
    const events = await readEvents(provider, request, content);
    const changed: ChangedRow[] = [];
    // Mailgun signs a token and no content: each token counts for one webhook, whatever it says.
    let isRecorded = false;
    const token = provider === "mailgun" ? readMailgunToken(content) : null;
    try {
      for (const { id, texts, report } of events) {
        const message = findMessage(texts, addresses);
        if (message === null) continue;
        isRecorded = true;
        const recorded = await record({ id, source: provider, message, reports: [report] });
        changed.push(...recorded.changed);
      }
      if (token !== null && !isRecorded)
        await noteForeignReport(executeOn(publicPool), { source: provider, id: token });
    } catch (error) {
      if (!(error instanceof StillSending)) throw error;
      throw new Problem("unavailable", "A message is being handed over. Send the events again.", {
        headers: { "Retry-After": "10" },
      });
    } finally {
      wakeFor(changed, wakes, c.get("requestId"));
    }
    return c.body(null, 204);
  });
}

/** Undefined for a text that is not JSON. */
function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
