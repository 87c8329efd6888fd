import { setTimeout as sleep } from "node:timers/promises";
import { sampleAudience } from "./audience.ts";
import { openMailboxLog } from "./mailbox-log.ts";
import { startProgress } from "./progress.ts";
import { createService, type Counts, type Service } from "./service.ts";
import type { TemporaryStack } from "./temporary-stack.ts";

export interface DemoResult {
  /** The number of imported recipients. */
  recipients: number;
  /** The number of deliveries of the campaign and of the notifications. */
  accepted: number;
  sent: number;
  failed: number;
  suppressed: number;
  pending: number;
  /** Messages that are sent in the ledger, and not in the mailbox. */
  lost: number;
  /** Messages in the mailbox with the same Message-ID or delivery id as an earlier one, whichever are more. */
  duplicated: number;
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

const pollMs = 100;
const patienceMs = 30 * 60_000;

/** Sends a campaign to the sample audience and a few notifications through the API, and counts the messages in the mailbox. */
export async function runDemo(
  stack: TemporaryStack,
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
    await service.createTemplate(campaignTemplate);
    await service.createTemplate(notificationTemplate);
    const campaignId = await service.createCampaign({
      name: "Weekly summary",
      template: { key: campaignTemplate.key },
      audience: { all: true },
      data: { week: "22 November" },
    });

    const startedAt = Date.now();
    await service.startCampaign(campaignId);
    const notificationIds: string[] = [];
    for (const { members, priority } of notifications) {
      const recipients = members.filter((n) => n <= imported).map((n) => `member-00${n}`);
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

    const {
      audience: _,
      duplicates: __,
      reconciled,
      ...campaign
    } = await service.reconciliation(campaignId);
    const all = [campaign, ...(await countsOf(service, notificationIds))];
    const total = (status: keyof Counts) => all.reduce((sum, counts) => sum + counts[status], 0);
    const sent = total("sent") + total("delivered");
    const messages = log.count();
    const duplicatedByMessageId = messages - log.messageIds().size;
    const duplicatedByDelivery = messages - log.deliveryIds().size;
    const seconds = (finishedAt - startedAt) / 1_000;
    return {
      recipients: imported,
      accepted: all.reduce(
        (sum, counts) => sum + Object.values(counts).reduce((a, b) => a + b, 0),
        0,
      ),
      sent,
      failed: total("failed"),
      suppressed: total("suppressed"),
      pending: total("pending") + total("sending"),
      lost: Math.max(0, sent - log.deliveryIds().size),
      duplicated: Math.max(duplicatedByMessageId, duplicatedByDelivery),
      seconds,
      messagesPerSecond: campaign.sent / seconds,
      reconciled,
      details: { campaignId, refusedLines: errors, duplicatedByMessageId, duplicatedByDelivery },
    };
  } finally {
    log.close();
  }
}

async function countsOf(service: Service, ids: readonly string[]): Promise<Counts[]> {
  return Promise.all(ids.map(async (id) => (await service.notification(id)).counts));
}

/** Repeats a question until the answer is truthy. */
async function until<Answer>(
  what: string,
  ask: () => Promise<Answer | undefined | false>,
): Promise<Answer> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > deadline) throw new Error(`timed out waiting for ${what}`);
    await sleep(pollMs);
  }
}
