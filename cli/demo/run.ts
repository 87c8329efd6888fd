import { type ChannelAccount, countOnChannel, judgeChannel } from "./account.ts";
import { sampleAudience } from "./audience.ts";
import { openMailboxLog } from "./mailbox-log.ts";
import { startProgress } from "./progress.ts";
import type { PushSink } from "./push-sink.ts";
import { type Routed, sendRouted } from "./routed.ts";
import { createService, type Counts, type Service } from "./service.ts";
import type { TemporaryStack } from "./temporary-stack.ts";
import { until } from "./until.ts";

export interface DemoResult {
  /** The number of imported recipients. */
  recipients: number;
  /** The number of deliveries of the campaign and of the notifications. */
  accepted: number;
  /** Sent in the ledger, which includes delivered. */
  sent: number;
  failed: number;
  suppressed: number;
  /** Deliveries that have not ended, except those in `waiting`. */
  pending: number;
  /** Later stages of routes, which wait for their time. */
  waiting: number;
  /** Deliveries that are sent in the ledger, and unknown to the witness of their channel: the mailbox, the push service, the inbox. */
  lost: number;
  /** Messages that a witness has repeatedly. In the mailbox, they have the Message-ID or delivery id of an earlier one, whichever are more. */
  duplicated: number;
  channels: ChannelAccount[];
  /** From the request for the campaign to its end. */
  seconds: number;
  messagesPerSecond: number;
  /** Whether the campaign's account in the ledger adds up. */
  reconciled: boolean;
}

export interface DemoDetails {
  campaignId: string;
  refusedLines: { line: number; field?: string | null | undefined; message: string }[];
  duplicatedByMessageId: number;
  duplicatedByDelivery: number;
  fallback: Routed["fallback"];
  leftOut: Routed["leftOut"];
  escalation: Routed["escalation"];
}

const campaignTemplate = {
  key: "weekly",
  name: "Weekly summary",
  content: {
    email: {
      subject:
        "{{ recipient.attributes.first_name }}, your week in {{ recipient.attributes.city }}",
      html: `<h1>Hello {{ recipient.attributes.first_name }} {{ recipient.attributes.last_name }}</h1>
<p>It is the week of {{ week }} in {{ recipient.attributes.city }}, and you have {{ recipient.attributes.points }} points.</p>
{% if recipient.attributes.plan == "free" %}<p><a href="https://example.org/plans">See what else there is.</a></p>{% endif %}
`,
    },
  },
  variables: { type: "object", properties: { week: { type: "string" } }, required: ["week"] },
};

const notificationTemplate = {
  key: "sign-in",
  name: "New sign-in",
  content: {
    email: {
      subject: "A new sign-in to your account",
      html: "<p>{{ recipient.attributes.first_name }}, somebody signed in from {{ place }}. Was it you?</p>\n",
    },
  },
  variables: { type: "object", properties: { place: { type: "string" } }, required: ["place"] },
};

/** The notifications to the first recipients of the sample, by number. */
const notifications = [
  { members: [1], priority: "critical" },
  { members: [2, 3], priority: "normal" },
  { members: [4], priority: "high" },
] as const;

/** The recipients of notifications with routes, by number. */
const routed = { fallback: range(5, 28), escalation: range(29, 31) };

/**
 * Sends a campaign to the sample audience and a few notifications through the API, and compares the ledger with what has arrived on each channel.
 */
export async function runDemo(
  stack: TemporaryStack,
  sink: PushSink,
  options: { recipients?: number; say: (line: string) => void },
): Promise<DemoResult & { details: DemoDetails }> {
  const { say } = options;
  const service = createService({ url: stack.urls.api, apiKey: stack.apiKey });
  const log = openMailboxLog(stack.mailboxLog!);
  try {
    const { imported, failed, errors } = await service.importRecipients(
      "text/csv",
      sampleAudience(options.recipients),
    );
    say(`imported ${imported} recipients; ${failed} broken lines were refused`);
    const among = (members: readonly number[]) => members.filter((n) => n <= imported).map(nameOf);
    await service.createTemplate(campaignTemplate);
    await service.createTemplate(notificationTemplate);
    const campaignId = await service.createCampaign({
      name: "Weekly summary",
      template: { key: campaignTemplate.key },
      audience: { all: true },
      data: { week: "22 November" },
    });

    say("sending a campaign to all of them by email");
    const startedAt = Date.now();
    await service.startCampaign(campaignId);
    const notificationIds: string[] = [];
    for (const { members, priority } of notifications) {
      const recipients = among(members);
      if (recipients.length === 0) continue;
      const template = { key: notificationTemplate.key };
      const data = { place: "Lisbon" };
      notificationIds.push(await service.notify({ recipients, template, data, priority }));
    }

    const progress = startProgress("sent", imported);
    const finishedAt = await until("the campaign to end", async () => {
      progress.update(log.count());
      return (await service.campaign(campaignId)).finishedAt?.getTime();
    }).finally(() => progress.stop());
    await until("the notifications to end", async () =>
      (await countsOf(service, notificationIds)).every(
        ({ pending, sending }) => pending + sending === 0,
      ),
    );
    say("sending notifications to some of them by in-app, push and email");
    const byRoute = await sendRouted(service, sink, {
      fallback: among(routed.fallback),
      escalation: among(routed.escalation),
    });

    const {
      audience: _,
      duplicates: __,
      reconciled,
      ...campaign
    } = await service.reconciliation(campaignId);
    const byEmail = [campaign, ...(await countsOf(service, notificationIds))];
    const { deliveries } = byRoute;
    const total = (...statuses: readonly (keyof Counts)[]) =>
      sum(byEmail, (counts) => sum(statuses, (status) => counts[status])) +
      deliveries.filter(({ status }) => statuses.includes(status)).length;

    const messages = log.count();
    const duplicatedByMessageId = messages - log.messageIds().size;
    const duplicatedByDelivery = messages - log.deliveryIds().size;
    const routedEmail = countOnChannel("email", deliveries);
    const sentByEmail = sum(byEmail, ({ sent, delivered }) => sent + delivered) + routedEmail.sent;
    const channels: ChannelAccount[] = [
      {
        channel: "email",
        owed: sum(byEmail, owedOf) + routedEmail.owed,
        waiting: routedEmail.waiting,
        sent: sentByEmail,
        // Compared by number: the ids of a large campaign are not read.
        lost: Math.max(0, sentByEmail - log.deliveryIds().size),
        duplicated: Math.max(duplicatedByMessageId, duplicatedByDelivery),
      },
      judgeChannel("push", deliveries, sink.messageIds()),
      judgeChannel("in_app", deliveries, byRoute.inboxIds),
    ];
    const waiting = sum(channels, (one) => one.waiting);
    const seconds = (finishedAt - startedAt) / 1_000;
    return {
      recipients: imported,
      accepted: sum(byEmail, (counts) => sum(Object.values(counts), Number)) + deliveries.length,
      sent: total("sent", "delivered"),
      failed: total("failed"),
      suppressed: total("suppressed"),
      pending: total("pending", "sending") - waiting,
      waiting,
      lost: sum(channels, ({ lost }) => lost),
      duplicated: sum(channels, ({ duplicated }) => duplicated),
      channels,
      seconds,
      messagesPerSecond: campaign.sent / seconds,
      reconciled,
      details: {
        campaignId,
        refusedLines: errors,
        duplicatedByMessageId,
        duplicatedByDelivery,
        fallback: byRoute.fallback,
        leftOut: byRoute.leftOut,
        escalation: byRoute.escalation,
      },
    };
  } finally {
    log.close();
  }
}

async function countsOf(service: Service, ids: readonly string[]): Promise<Counts[]> {
  return Promise.all(ids.map(async (id) => (await service.notification(id)).counts));
}

const owedOf = (counts: Counts): number =>
  sum(Object.values(counts), Number) - counts.suppressed - counts.cancelled;

/** The id of a member of the sample by number. */
function nameOf(member: number): string {
  return `member-${String(member).padStart(3, "0")}`;
}

/** The whole numbers from `first` to `last`. */
function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
