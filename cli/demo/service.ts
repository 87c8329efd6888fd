import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
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

const notification = z.object({ counts, deliveries: z.array(created) });

export type Counts = z.output<typeof counts>;
export type Account = z.output<typeof account>;

/** The API refused the request permanently. */
class Refused extends Error {
  override name = "Refused";
}

export interface NewCampaign {
  name: string;
  template: { key: string };
  audience: { all: true } | { where: unknown };
  data?: Record<string, unknown>;
}

export interface NewNotification {
  recipients: string[];
  template: { key: string };
  data?: Record<string, unknown>;
  priority?: "critical" | "high" | "normal" | "low";
  sendAt?: string;
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
  };
}

async function* bytes(pieces: Iterable<string> | AsyncIterable<string | Uint8Array>) {
  for await (const piece of pieces) yield typeof piece === "string" ? Buffer.from(piece) : piece;
}
