import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { deliveryStatuses } from "../../domain/delivery/status.ts";
import type { Route } from "../../domain/policy/route.ts";
import { type PushSubscription, webPushKind } from "../../domain/push-subscription.ts";
import type { TemplateContent } from "../../domain/templates/content.ts";

const created = z.object({ id: z.string() });

const imported = z.object({
  lines: z.number(),
  imported: z.number(),
  failed: z.number(),
  errors: z.array(z.object({ line: z.number(), field: z.string().nullish(), message: z.string() })),
});

const campaign = z.object({
  status: z.enum(["draft", "scheduled", "running", "paused", "completed", "cancelled"]),
  frozenAt: z.coerce.date().nullable(),
  finishedAt: z.coerce.date().nullable(),
});

const counts = z.object({
  pending: z.number(),
  sending: z.number(),
  sent: z.number(),
  delivered: z.number(),
  failed: z.number(),
  suppressed: z.number(),
  cancelled: z.number(),
  unknown: z.number(),
});

const account = counts.extend({
  audience: z.number().nullable(),
  duplicates: z.number(),
  reconciled: z.boolean(),
});

const delivery = z.object({
  id: z.string(),
  recipient: z.string(),
  leg: z.string(),
  channel: z.string(),
  status: z.enum(deliveryStatuses),
  reason: z.string().nullable(),
});

const notification = z.object({ counts, deliveries: z.array(delivery) });

const attempted = z.object({
  attempts: z.array(
    z.object({
      provider: z.string().nullable(),
      outcome: z.string(),
      response: z.string().nullable(),
    }),
  ),
});

const explanation = z.object({ summary: z.string() });
const inbox = z.object({ items: z.array(created) });
const issued = z.object({ token: z.string() });

export type Counts = z.output<typeof counts>;
export type Account = z.output<typeof account>;
export type Delivery = z.output<typeof delivery>;
export type Attempt = z.output<typeof attempted>["attempts"][number];

/** The API refused the request permanently. */
class Refused extends Error {
  override name = "Refused";
}

export interface NewCampaign {
  /** The key of its notification type. */
  type?: string;
  name: string;
  template: { key: string };
  audience: { all: true } | { where: unknown };
  data?: Record<string, unknown>;
  route?: Route;
  tracking?: { opens: boolean; clicks: boolean };
}

export interface NewNotification {
  recipients: string[];
  template: { key: string };
  type?: string;
  data?: Record<string, unknown>;
  priority?: "critical" | "high" | "normal" | "low";
  sendAt?: string;
  route?: Route;
}

export type Service = ReturnType<typeof createService>;

/** How long and how often a request is repeated while the API is unavailable or cannot reach its database. */
const patienceMs = 120_000;
const againMs = 200;

/**
 * An example client of the API: each POST has an idempotency key, and requests are repeated while the API is unavailable. Methods
 * reject with `Refused` on an answer that a repeat would not change.
 */
export function createService({ url, apiKey }: { url: string; apiKey: string }) {
  async function call(
    method: string,
    path: string,
    body?: unknown,
    own: Record<string, string> = {},
  ): Promise<unknown> {
    const deadline = Date.now() + patienceMs;
    const headers: Record<string, string> = { authorization: `Bearer ${apiKey}`, ...own };
    if (method === "POST") headers["idempotency-key"] = randomUUID();
    if (body !== undefined) headers["content-type"] = "application/json";
    for (;;) {
      let fault: unknown;
      try {
        const response = await fetch(new URL(path, url), {
          method,
          headers,
          ...(body !== undefined && { body: JSON.stringify(body) }),
        });
        const text = await response.text();
        if (response.ok) return text === "" ? null : JSON.parse(text);
        // 409 is also the answer while an earlier request with the same key is still running.
        if (
          ![409, 429, 502, 503, 504].includes(response.status) ||
          (response.status === 409 && !response.headers.has("retry-after"))
        )
          throw new Refused(`${method} ${path} answered ${response.status}: ${text}`);
        fault = new Error(`${method} ${path} answered ${response.status}: ${text}`);
      } catch (error) {
        if (error instanceof Refused) throw error;
        fault = error;
      }
      if (Date.now() > deadline) throw fault;
      await sleep(againMs);
    }
  }

  /** Returns a token with which the recipient may read their inbox. */
  async function issueInboxToken(recipient: string): Promise<string> {
    const path = `/v1/recipients/${recipient}/tokens`;
    return issued.parse(await call("POST", path, { purposes: ["inbox"] })).token;
  }

  const asRecipient = async (recipient: string) => ({
    authorization: `Bearer ${await issueInboxToken(recipient)}`,
  });

  return {
    /** Imports a stream of recipients. */
    async importRecipients(
      type: "text/csv" | "application/x-ndjson",
      pieces: Iterable<string> | AsyncIterable<string | Uint8Array>,
    ) {
      const response = await fetch(new URL("/v1/recipients/import", url), {
        method: "POST",
        headers: { authorization: `Bearer ${apiKey}`, "content-type": type },
        body: bytes(pieces),
        duplex: "half",
      });
      const text = await response.text();
      if (!response.ok) throw new Refused(`the import answered ${response.status}: ${text}`);
      return imported.parse(JSON.parse(text));
    },
    async createTemplate(template: {
      key: string;
      name: string;
      content: TemplateContent;
      variables?: unknown;
    }) {
      await call("POST", "/v1/templates", template);
    },
    /** Applies a merge patch to the current policy. */
    async changePolicy(changes: Record<string, unknown>) {
      await call("PATCH", "/v1/policy", changes, { "if-match": "*" });
    },
    async createCampaign(body: NewCampaign) {
      return created.parse(await call("POST", "/v1/campaigns", body)).id;
    },
    async startCampaign(id: string) {
      return campaign.parse(await call("POST", `/v1/campaigns/${id}/start`));
    },
    async pauseCampaign(id: string) {
      return campaign.parse(await call("POST", `/v1/campaigns/${id}/pause`));
    },
    async resumeCampaign(id: string) {
      return campaign.parse(await call("POST", `/v1/campaigns/${id}/resume`));
    },
    async cancelCampaign(id: string) {
      return campaign.parse(await call("POST", `/v1/campaigns/${id}/cancel`));
    },
    async campaign(id: string) {
      return campaign.parse(await call("GET", `/v1/campaigns/${id}`));
    },
    /** Reads the account of a campaign. The API counts every row for it, so call this rarely. */
    async reconciliation(id: string): Promise<Account> {
      return account.parse(await call("GET", `/v1/campaigns/${id}/reconciliation`));
    },
    /** Sends a notification. It is accepted once this resolves, and is then never lost. */
    async notify(body: NewNotification) {
      return created.parse(await call("POST", "/v1/notifications", body)).id;
    },
    async notification(id: string) {
      return notification.parse(await call("GET", `/v1/notifications/${id}`));
    },
    /** Reads the attempts of a delivery, the first one first. */
    async attempts(id: string) {
      return attempted.parse(await call("GET", `/v1/deliveries/${id}`)).attempts;
    },
    /** Says in a sentence or two why a delivery waits, or why it ended as it did. */
    async explain(id: string) {
      return explanation.parse(await call("GET", `/v1/deliveries/${id}/explanation`)).summary;
    },
    async registerDevice(recipient: string, subscription: PushSubscription) {
      const path = `/v1/recipients/${recipient}/addresses`;
      await call("POST", path, { kind: webPushKind, subscription });
    },
    issueInboxToken,
    /** Reads the newest 100 items of a recipient's inbox, with a token of the recipient. */
    async inbox(recipient: string) {
      const path = "/v1/me/inbox?limit=100";
      return inbox.parse(await call("GET", path, undefined, await asRecipient(recipient))).items;
    },
    /** Marks an item as read, with a token of its recipient. */
    async markRead(recipient: string, item: string) {
      await call("PATCH", `/v1/me/inbox/${item}`, { read: true }, await asRecipient(recipient));
    },
  };
}

async function* bytes(pieces: Iterable<string> | AsyncIterable<string | Uint8Array>) {
  for await (const piece of pieces) yield typeof piece === "string" ? Buffer.from(piece) : piece;
}
