import { newUuid, parsePublicId, publicId } from "../../domain/ids.ts";
import { type DeliveryStatus } from "../../domain/delivery/status.ts";
import { deliveryStatuses } from "../../domain/delivery/status.ts";
import { waitingDigests } from "../../domain/delivery/queues.ts";
import type { Reason } from "../../domain/delivery/reasons.ts";
import type { Document, Parameter, Schema } from "../support/openapi.ts";
import { type Api, makeKey, sampleTemplate, seed } from "./harness.ts";

/** The ids and keys that exist, by the first part of a path. */
export type Known = Record<string, string[]>;

const campaignStates = ["draft", "scheduled", "running", "paused", "completed", "cancelled"];

/** Fills a database with something of everything, in every state that it may be in. */
export async function populate(api: Api): Promise<Known> {
  const { send, prisma } = api;
  const made = async (path: string, body?: unknown): Promise<{ id: string }> => {
    const reply = await send("POST", path, body);
    if (reply.status >= 300) throw new Error(`${path}: ${JSON.stringify(reply.body)}`);
    return reply.body;
  };
  await seed(api, 20);
  // Those that the document's examples name.
  const recipients = [
    "customer-17",
    "customer-42",
    ...Array.from({ length: 20 }, (_, i) => `u${i}`),
  ];
  for (const name of recipients.slice(0, 2))
    await send("PUT", `/v1/recipients/${name}`, { email: `${name}@example.org` });
  const template = { key: sampleTemplate.key };
  const { content, variables } = sampleTemplate;
  await made(`/v1/templates/${template.key}/versions`, { content, variables });
  await made("/v1/templates", { key: "plain", name: "Plain", content });

  const segments = ["pro-customers", "even"];
  for (const key of segments)
    await made("/v1/segments", { key, name: key, filter: { attribute: "even", equals: true } });

  const routingRules = ["urgent-by-push", "pro-by-push", "night-by-email", "the-rest"];
  for (const key of routingRules)
    await made("/v1/routing-rules", {
      key,
      name: key,
      when: { attribute: "even", equals: true },
      route: { stages: [{ via: ["push", "email"] }] },
    });

  const campaigns: string[] = [];
  for (const status of [...campaignStates, ...campaignStates]) {
    const { id } = await made("/v1/campaigns", {
      name: `A ${status} one`,
      template,
      data: { order: "A-17" },
      audience: campaigns.length === 0 ? { include: ["even"] } : { all: true },
    });
    campaigns.push(id);
    // What a worker would do to it.
    const begun = !["draft", "scheduled"].includes(status);
    const ended = ["completed", "cancelled"].includes(status);
    const [row] = await prisma.campaign.findMany({ orderBy: { id: "desc" }, take: 1 });
    await prisma.$executeRaw`
      UPDATE campaigns SET status = ${status}::campaign_status, start_at = CASE WHEN ${status} <> 'draft' THEN now() END,
        frozen_at = CASE WHEN ${begun} THEN now() END, audience_count = CASE WHEN ${begun} THEN 8 END, finished_at = CASE WHEN ${ended} THEN now() END
      WHERE id = ${row!.id}::uuid`;
    if (begun) await owe(api, row!.id, ended);
  }

  const notifications: string[] = [];
  for (const priority of ["critical", "normal", "normal"]) {
    const body = { recipients: ["u1", "u2"], template, data: { order: "A-17" }, priority };
    notifications.push((await made("/v1/notifications", body)).id);
  }
  const group = newUuid();
  await prisma.$executeRaw`
    INSERT INTO groups (id, kind, recipient_id, channel, member_count, closes_at)
    SELECT ${group}::uuid, 'digest', id, 'email', 1, now() + interval '1 day' FROM recipients WHERE external_id = 'u1'`;
  await prisma.$executeRaw`
    UPDATE deliveries SET group_id = ${group}::uuid, reason = 'digest', queue = ${waitingDigests}, due_at = now() + interval '1 day'
    WHERE notification_id = ${parsePublicId("notification", notifications.at(-1)!)}::uuid AND recipient_id = (SELECT recipient_id FROM groups)`;
  const keys: string[] = [];
  for (const role of ["admin", "sender", "viewer"] as const)
    keys.push((await makeKey(api, { role })).id);

  const { id: suppression } = await made("/v1/suppressions", {
    channel: "email",
    address: "gone@example.org",
    reason: "manual",
  });
  await prisma.breaker.createMany({
    data: [
      { provider: "smtp-1", channel: "email" },
      { provider: "smtp-2", channel: "email", state: "open", nextTrialAt: new Date() },
    ],
  });
  await send("PUT", "/v1/gates/provider/smtp-1", { permitsPerSecond: 14, dailyQuota: 50_000 });
  const deliveries = await prisma.delivery.findMany({ select: { id: true } });
  return {
    recipients,
    templates: [template.key, "plain"],
    "notification-types": ["task.deadline", "habit.reminder", "report.weekly", "security.alert"],
    segments,
    "routing-rules": routingRules,
    campaigns,
    notifications,
    groups: [publicId("group", group)],
    "api-keys": keys,
    deliveries: deliveries.map(({ id }) => publicId("delivery", id)),
    suppressions: [suppression],
    providers: ["smtp-1", "smtp-2"],
    gates: ["provider", "channel", "smtp-1", "email"],
  };
}

const reasonOf: Partial<Record<DeliveryStatus, Reason>> = {
  failed: "provider_rejected",
  suppressed: "no_address",
  cancelled: "campaign_cancelled",
  unknown: "outcome_unknown",
};

/** One delivery in each status for recipients of the campaign; those of an ended one are at an end. */
async function owe({ prisma }: Api, campaignId: string, ended: boolean): Promise<void> {
  const ids = deliveryStatuses.map(() => newUuid());
  const reasons = deliveryStatuses.map((status) => reasonOf[status] ?? null);
  await prisma.$executeRaw`
    INSERT INTO deliveries (id, campaign_id, recipient_id, channel, priority, queue, status, due_at, reason, attempt_count, finished_at)
    SELECT (${ids}::uuid[])[s.n], ${campaignId}::uuid, r.id, 'email', 'normal', 'campaign/lane/0', s.status,
      CASE WHEN s.open THEN now() END, (${reasons}::text[])[s.n], 1, CASE WHEN NOT s.open THEN now() END
    FROM (SELECT status, status IN ('pending', 'sending') AS open, row_number() OVER () AS n FROM unnest(enum_range(NULL::delivery_status)) AS status) AS s
    JOIN (SELECT id, row_number() OVER (ORDER BY external_id) AS n FROM recipients) AS r ON r.n = s.n
    WHERE NOT (s.open AND ${ended})`;
  await prisma.$executeRaw`
    INSERT INTO attempts (delivery_id, number, provider, outcome, failure, response, started_at, finished_at)
    SELECT id, 1, 'smtp', 'permanent', 'smtp_5xx', '550 no such user', now(), now() FROM deliveries WHERE campaign_id = ${campaignId}::uuid AND status = 'failed'`;
}

/**
 * The document with what there is among the values of its ids and keys, so that most of the requests made from it reach
 * something, and some do not.
 */
export function namingKnown(document: Document, known: Known): Document {
  const among = (schema: Schema, values: readonly unknown[] | undefined): Schema =>
    values?.length ? { anyOf: [{ enum: values }, schema] } : schema;
  const copy = structuredClone(document);
  for (const [path, item] of Object.entries(copy.paths)) {
    const [, , collection] = path.split("/");
    for (const [method, { parameters = [], requestBody }] of Object.entries(item)) {
      for (const parameter of parameters as Parameter[])
        if (parameter.in === "path")
          parameter.schema = among(
            parameter.schema,
            parameter.name === "version"
              ? [1, 2]
              : method === "delete"
                ? passing(known[collection!])
                : known[collection!],
          );
      if (requestBody !== undefined) nameInBodies(requestBody, known);
    }
  }
  return copy;
}

/** What bodies name is never deleted; the later half may be. */
const half = (names: string[]) => Math.ceil(names.length / 2);
const lasting = (names: string[] = []) => names.slice(0, half(names));
const passing = (names: string[] = []) => names.slice(half(names));

/** Within a body: keys and versions of templates, and recipients, of whom one that is not known would spoil all. */
function nameInBodies(part: unknown, known: Known): void {
  if (typeof part !== "object" || part === null) return;
  const { template, recipients, recipient } = ((part as Schema)["properties"] ?? {}) as Record<
    string,
    { properties?: Record<string, Schema>; items?: Schema; anyOf?: Schema[] }
  >;
  if (template?.properties?.["key"]) {
    template.properties["key"] = { enum: known["templates"] };
    template.properties["version"] = { enum: [1, 2] };
  }
  if (recipients?.items && !recipients.items["properties"])
    recipients.items = { enum: lasting(known["recipients"]) };
  if (recipient?.anyOf) recipient.anyOf.unshift({ enum: lasting(known["recipients"]) });
  for (const inner of Object.values(part)) nameInBodies(inner, known);
}
