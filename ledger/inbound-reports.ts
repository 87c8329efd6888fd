import { createHash } from "node:crypto";
import { withoutAddresses } from "../config/describe-error.ts";
import { addressKey } from "../domain/address.ts";
import type { Channel } from "../domain/channel.ts";
import { type AttemptFailure, responseLimit } from "../domain/delivery/attempt.ts";
import type { DeliveryStatus } from "../domain/delivery/status.ts";
import type { Inbound, InboundKind, InboundReport } from "../domain/inbound-report.ts";
import { orderOfStage, type ResolvedRoute, stageOfLeg } from "../domain/policy/route.ts";
import { cutText } from "../domain/text.ts";
import {
  suppressComplainants,
  suppressRepeatedBounces,
  suppressUnknownAddresses,
  takeComplaintBack,
} from "./bounces.ts";
import { type EngagementKind, recordEngagements } from "./engagement.ts";
import {
  divertReturned,
  failReturned,
  hurryNextStages,
  lockReturned,
  markDelivered,
  reopenLaterStages,
} from "./late-outcomes.ts";
import { byTarget, idOf } from "./recipient-actions.ts";
import { lockSources, reopenCampaigns } from "./reopening.ts";
import { defineStatement, type Execute } from "./sql.ts";
import type { ChangedRow } from "./transitions.ts";
import { recordEngagementEvents } from "./webhook-events.ts";

/* What mail servers and providers report of emails that were handed over. */

/** The message of a report is being handed over: its outcome is not written yet, and the report has to come again a moment later. */
export class StillSending extends Error {
  override name = "StillSending";
}

/** A returned message goes on on another channel if it was handed over within this time. Later it would be no news. */
const fallbackHours = 24;

const noteStatement = defineStatement<
  { key: string; source: string; kind: InboundKind; messageId: string | null },
  { key: string }
>(
  `INSERT INTO inbound_reports (key, source, kind, message_id, received_at) VALUES (:key::text, :source::text, :kind::text, :messageId::uuid, ledger_now())
   ON CONFLICT DO NOTHING RETURNING key`,
  "note-inbound-report",
);

const keyOf = ({ source, id }: Pick<Inbound, "source" | "id">) =>
  createHash("sha256").update(`${source} ${id}`).digest("hex");

/** Notes the id of a report that says nothing about a message of ours, so that it cannot come again with another content. */
export async function noteForeignReport(
  execute: Execute,
  report: Pick<Inbound, "source" | "id">,
): Promise<void> {
  const { source } = report;
  await execute(noteStatement, { key: keyOf(report), source, kind: "other", messageId: null });
}

/** A delivery of the message, with what is known of it and of its recipient now. */
interface ReportedRow {
  id: string;
  recipientId: string;
  campaignId: string | null;
  notificationId: string | null;
  leg: string;
  channel: Channel;
  status: DeliveryStatus;
  failedChannels: Channel[];
  isBeingSent: boolean;
  /** Whether it was handed over recently enough to go on on another channel. */
  isRecent: boolean;
  /** Whether the recipient has read the message: what was returned is a copy that they had forwarded. */
  isRead: boolean;
  email: string | null;
  isErased: boolean;
  /** Whether nothing of the recipient has changed since the hand-over, so that the address is the one that it was sent to. */
  isUnchanged: boolean;
  /** The channels on which the recipient has an address. */
  reachable: Channel[];
  route: ResolvedRoute | null;
  /** The keys of the addresses that received copies. */
  copies: (string | null)[];
}

/** Members that did not go out with their group have another status. */
const readStatement = byTarget<object, ReportedRow>(
  (column) => `
  SELECT d.id, d.recipient_id AS "recipientId", d.campaign_id AS "campaignId", d.notification_id AS "notificationId", d.leg, d.channel, d.status,
    coalesce(d.failed_channels, '{}')::text[] AS "failedChannels", coalesce(d.lease_until > ledger_now(), false) AS "isBeingSent",
    coalesce(d.finished_at > ledger_now() - interval '${fallbackHours} hours', false) AS "isRecent", g.read_at IS NOT NULL AS "isRead",
    r.email, r.erased_at IS NOT NULL AS "isErased", coalesce(r.updated_at <= e.attempt_started_at, false) AS "isUnchanged",
    ARRAY['in_app'] || coalesce(r.address_channels, '{}')::text[] || CASE WHEN r.email IS NULL THEN '{}' ELSE '{email}'::text[] END
      || CASE WHEN r.phone IS NULL THEN '{}' ELSE '{sms}'::text[] END AS reachable,
    t.document AS route,
    ARRAY(SELECT c.address FROM notification_copies c WHERE c.notification_id = d.notification_id AND c.address IS NOT NULL) AS copies
  FROM deliveries d JOIN recipients r ON r.id = d.recipient_id LEFT JOIN ended_deliveries e ON e.id = d.id LEFT JOIN routes t ON t.id = d.route_id
    LEFT JOIN engagements g ON g.delivery_id = d.id
  WHERE d.${column} = :target::uuid AND d.status NOT IN (${column === "group_id" ? "'failed', " : ""}'suppressed', 'cancelled')
  ORDER BY d.id`,
);

/** Which kind counts where several came together. */
const weights = ["complained", "bounced", "unsubscribed", "not_spam", "delivered"] as const;

/** The outcome of reports, for logs and for the processes that have to go on. */
export interface Recorded {
  /** `repeated`: the same reports came before. `unknown`: the message is not stored any more. `other`: also where they are about copies of it only. */
  outcome: InboundKind | "repeated" | "unknown";
  /** The rows whose workflows have to be woken once the transaction is committed. */
  changed: ChangedRow[];
}

/**
 * Records reports of a message, once however often they come. Needs a transaction.
 * @throws StillSending if the outcome of the hand-over is not written yet
 */
export async function recordInbound(execute: Execute, inbound: Inbound): Promise<Recorded> {
  const { source, message, reports } = inbound;
  const kind =
    weights.find((one) => reports.some((report) => report.kind === one)) ??
    reports[0]?.kind ??
    "other";
  const key = keyOf(inbound);
  const noted = await execute(noteStatement, { key, source, kind, messageId: idOf(message) });
  if (noted.length === 0) return { outcome: "repeated", changed: [] };
  if (!weights.some((one) => one === kind)) return { outcome: kind, changed: [] };
  const rows = await execute(readStatement(message), { target: idOf(message) });
  if (rows.some(({ isBeingSent, channel }) => isBeingSent && channel === "email"))
    throw new StillSending("the message is being handed over");
  const [first] = rows;
  if (first === undefined || first.isErased) return { outcome: "unknown", changed: [] };
  const own = reports.filter((report) => !isAboutCopy(first, report));
  if (own.length === 0) return { outcome: "other", changed: [] };
  const changed: ChangedRow[] = [];
  for (const report of own) {
    // Anybody who knows the return address of a message can send such a mail. A provider signs it.
    if (report.kind === "not_spam" && source === "smtp") continue;
    changed.push(...(await apply(execute, rows, report)));
  }
  return { outcome: kind, changed };
}

/** Whether a report is about an address that received a copy, which shares the return address of the message. */
function isAboutCopy({ email, copies }: ReportedRow, { addresses }: InboundReport): boolean {
  const named = addresses.map(addressKey);
  const own = email === null ? null : addressKey(email);
  const copied = copies.map((address) => address && addressKey(address));
  return !named.includes(own) && named.some((key) => key !== null && copied.includes(key));
}

async function apply(
  execute: Execute,
  rows: readonly ReportedRow[],
  report: InboundReport,
): Promise<ChangedRow[]> {
  const engage = (kind: EngagementKind, engaged = rows) =>
    recordEngagements(
      execute,
      engaged.map(({ id }) => ({ id, kind, at: report.at, count: 1 })),
    );
  const [{ id, recipientId, email }] = rows as [ReportedRow];
  const response = report.reply;
  const evidence = email === null ? null : { id, recipientId, channel: "email" as const, response };
  switch (report.kind) {
    case "delivered":
      await engage("delivered");
      await markDelivered(
        execute,
        rows.map((row) => row.id),
        "email",
      );
      return [];
    case "complained":
      await engage("complained");
      if (evidence !== null && namesRecipient(rows, report))
        await suppressComplainants(execute, [{ ...evidence, address: email! }]);
      return [];
    case "not_spam":
      if (email !== null) await takeComplaintBack(execute, { id, address: email });
      return [];
    case "bounced": {
      const unread = rows.filter(({ isRead }) => !isRead);
      if (unread.length === 0) return [];
      const sent = unread.filter(({ channel }) => channel === "email");
      // These are locked first, as an erasure and a retry do, which lock the deliveries and their engagements afterwards.
      const sources = await lockSources(execute, unread);
      // The recipient was erased since the rows were read.
      if (!sources.isAlive(unread[0]!)) return [];
      await lockReturned(
        execute,
        sent.map((row) => row.id),
      );
      const found = await engage("bounced", unread);
      const failure = report.failure ?? "recipient_refused";
      const returned = await returnRows(execute, sent, sources, failure, report.reply ?? "");
      // A message that was sent again and returned again is another event, although the first return stays the one that counts.
      const known = new Set(found.map((one) => one.id));
      await recordEngagementEvents(
        execute,
        sent
          .filter((row) => returned.ids.has(row.id) && !known.has(row.id))
          .map((row) => ({ ...row, kind: "bounced" })),
      );
      if (evidence !== null && namesRecipient(rows, report)) {
        const bounces = [{ ...evidence, address: email!, failure }];
        await suppressUnknownAddresses(execute, bounces);
        await suppressRepeatedBounces(execute, bounces);
      }
      return returned.changed;
    }
    case "delayed":
    case "unsubscribed":
    case "automatic":
    case "other":
      return [];
  }
}

/**
 * Whether a report concerns the address that the recipient has now: it names it, or nothing of them has changed since the hand-over. The address in a
 * report is another one where the mail was forwarded. If copies went to others, who have the same return address, only the name shows whom it is about.
 */
function namesRecipient(rows: readonly ReportedRow[], { addresses }: InboundReport): boolean {
  const [{ email }] = rows as [ReportedRow];
  const own = email === null ? null : addressKey(email);
  return (
    (own !== null && addresses.some((address) => addressKey(address) === own)) ||
    rows.every(({ isUnchanged, copies }) => isUnchanged && copies.length === 0)
  );
}

/**
 * Ends returned deliveries, or lets them go on on the next channels of their routes, and lets later stages begin that were waiting, or were left out because
 * the message had been sent. Resolves with the returned deliveries, and the rows whose workflows have to be woken.
 */
async function returnRows(
  execute: Execute,
  sent: readonly ReportedRow[],
  { isOver, isAlive }: Awaited<ReturnType<typeof lockSources>>,
  failure: AttemptFailure,
  reply: string,
): Promise<{ ids: ReadonlySet<string>; changed: ChangedRow[] }> {
  const mayGoOn = (row: ReportedRow) => row.isRecent && !isOver(row) && isAlive(row);
  const diverted = sent.flatMap((row) => {
    const next = mayGoOn(row) ? findNextChannel(row) : undefined;
    return next === undefined ? [] : [{ id: row.id, next }];
  });
  const why = { failure, reply: cutText(withoutAddresses(reply), responseLimit) };
  const goingOn = new Set(diverted.map(({ id }) => id));
  const ended = sent.map(({ id }) => id).filter((id) => !goingOn.has(id));
  const failed = await failReturned(execute, ended, "email", why);
  const hurried = await hurryNextStages(execute, failed);
  const reopened = await divertReturned(execute, diverted, "email", why);
  const ids = new Set([...failed, ...reopened.map(({ id }) => id)]);
  const later = await reopenLaterStages(
    execute,
    sent.filter((row) => ids.has(row.id) && mayGoOn(row)).map(({ id }) => id),
  );
  await reopenCampaigns(execute, [...reopened, ...later]);
  return { ids, changed: [...hurried, ...reopened, ...later] };
}

/** The channel on which a returned delivery goes on; undefined if its stage has none left on which its recipient has an address. */
function findNextChannel(row: ReportedRow): Channel | undefined {
  const number = stageOfLeg(row.leg);
  const stage = number === null ? undefined : row.route?.stages[number];
  if (stage === undefined) return undefined;
  // Which one can be used is decided when it is due, with the recipient's own order.
  return orderOfStage(stage, []).find(
    (channel) =>
      channel !== row.channel &&
      !row.failedChannels.includes(channel) &&
      row.reachable.includes(channel),
  );
}
