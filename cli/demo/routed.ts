import { parsePublicId, publicId } from "../../domain/ids.ts";
import type { Route } from "../../domain/policy/route.ts";
import { awaitsStage, wasLeftOut } from "./account.ts";
import type { PushSink } from "./push-sink.ts";
import type { Attempt, Delivery, Service } from "./service.ts";
import { until } from "./until.ts";

const template = {
  key: "order-shipped",
  name: "Order shipped",
  content: {
    email: {
      subject: "Your order {{ order }} is on its way",
      html: "<p>{{ recipient.attributes.first_name }}, your order {{ order }} is on its way to {{ recipient.attributes.city }}.</p>\n",
    },
    push: { title: "Order {{ order }}", body: "It is on its way to you." },
    in_app: {
      title: "Your order {{ order }} is on its way",
      body: "It is on its way to {{ recipient.attributes.city }}.",
      url: "https://example.org/orders/{{ order }}",
    },
  },
  variables: { type: "object", properties: { order: { type: "string" } }, required: ["order"] },
};

/** An inbox item for everybody, and at the same time a push notification, or an email where no device takes one. */
const withFallback: Route = { stages: [{ via: ["in_app"] }, { via: ["push", "email"] }] };

/** An inbox item, and a minute later an email to those who have not read it. */
const withEscalation: Route = {
  stages: [{ via: ["in_app"] }, { via: ["email"], after: { minutes: 1, unless: "read" } }],
};

/** What recipients have, in turn: a device; one that is gone; none. */
const devices = ["alive", "gone", "none", "alive"] as const;

interface Escalation {
  delivery: string;
  summary: string;
  waiting: number;
}

export interface Routed {
  deliveries: Delivery[];
  /** The deliveries of the inbox items that the recipients' own inboxes show. */
  inboxIds: string[];
  /** A delivery that was sent by email because the device was gone; null if there is none. */
  fallback: { delivery: string; attempts: Attempt[] } | null;
  /** The number of emails that were left out because the inbox item was read. */
  leftOut: number;
  /** The emails that wait for their time, of which one is explained; null if there is none. */
  escalation: Escalation | null;
}

/**
 * Sends a notification with a fallback to some recipients, and one with an escalation to others, one of whom reads it. Resolves when everything
 * is sent that does not wait for its time. The recipients are given by their external ids, and receive no other inbox items.
 */
export async function sendRouted(
  service: Service,
  sink: PushSink,
  recipients: { fallback: readonly string[]; escalation: readonly string[] },
): Promise<Routed> {
  await service.createTemplate(template);
  await Promise.all(
    recipients.fallback.map(async (recipient, index) => {
      const device = devices[index % devices.length]!;
      if (device !== "none") await service.registerDevice(recipient, sink.subscribe(device));
    }),
  );

  const notify = async (to: readonly string[], order: string, route: Route) =>
    to.length === 0
      ? []
      : [
          await service.notify({
            recipients: [...to],
            template: { key: template.key },
            data: { order },
            route,
          }),
        ];
  const fallbackIds = await notify(recipients.fallback, "1042", withFallback);
  const escalationIds = await notify(recipients.escalation, "1043", withEscalation);
  const notificationIds = [...fallbackIds, ...escalationIds];
  await until("the routed notifications to end", async () => {
    const found = await deliveriesOf(service, notificationIds);
    const hasEnded = (one: Delivery) =>
      awaitsStage(one) || (one.status !== "pending" && one.status !== "sending");
    return found.every(hasEnded);
  });

  const inboxes = await Promise.all(
    [...recipients.fallback, ...recipients.escalation].map(async (recipient) => ({
      recipient,
      items: await service.inbox(recipient),
    })),
  );
  const reader = inboxes.find(({ recipient }) => recipient === recipients.escalation[0]);
  const [item] = reader?.items ?? [];
  if (reader && item) await service.markRead(reader.recipient, item.id);
  const deliveries = await deliveriesOf(service, notificationIds);
  return {
    deliveries,
    inboxIds: inboxes.flatMap(({ items }) => items.map(({ id }) => deliveryOf(id))),
    fallback: await findFallback(service, deliveries),
    leftOut: deliveries.filter(wasLeftOut).length,
    escalation: await findEscalation(service, deliveries),
  };
}

async function deliveriesOf(service: Service, ids: readonly string[]): Promise<Delivery[]> {
  const found = await Promise.all(ids.map((id) => service.notification(id)));
  return found.flatMap(({ deliveries }) => deliveries);
}

/** The public id of the delivery of an inbox item, which has the same UUID. */
const deliveryOf = (item: string): string =>
  publicId("delivery", parsePublicId("inboxItem", item)!);

/** Finds an email that was sent after an attempt by push. */
async function findFallback(
  service: Service,
  deliveries: readonly Delivery[],
): Promise<Routed["fallback"]> {
  const emails = deliveries.filter(({ channel, leg }) => channel === "email" && leg !== "primary");
  for (const { id } of emails) {
    const attempts = await service.attempts(id);
    if (attempts.some(({ provider }) => provider?.startsWith("push/")))
      return { delivery: id, attempts };
  }
  return null;
}

/** Explains an email that waits for its time. */
async function findEscalation(
  service: Service,
  deliveries: readonly Delivery[],
): Promise<Escalation | null> {
  const waiting = deliveries.filter(awaitsStage);
  const [shown] = waiting;
  if (!shown) return null;
  return {
    delivery: shown.id,
    summary: await service.explain(shown.id),
    waiting: waiting.length,
  };
}
