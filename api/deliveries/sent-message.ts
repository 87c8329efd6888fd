import type { Pool } from "pg";
import type { Channel } from "../../domain/channel.ts";
import type { DeliveryStatus } from "../../domain/delivery/status.ts";
import { type EmailIdentity, mergeIdentities } from "../../domain/email-identity.ts";
import { publicId } from "../../domain/ids.ts";
import type { NotificationAction } from "../../domain/notification.ts";
import type { Priority } from "../../domain/priority.ts";
import type { TemplateContent } from "../../domain/templates/content.ts";
import { confirmLinkVariable } from "../../domain/topics.ts";
import {
  resolveTracking,
  type TrackedMessage,
  type Tracking,
  type Utm,
} from "../../domain/tracking/settings.ts";
import { summaryWordsFor } from "../../domain/templates/summary-words.ts";
import type { RecipientScope } from "../../domain/templates/template.ts";
import { parseMailbox, type Sender } from "../../domain/address.ts";

/** A delivery with all that its message is rendered from. */
export interface SentMessageRow {
  id: string;
  channel: Channel;
  status: DeliveryStatus;
  priority: Priority;
  finishedAt: Date | null;
  groupId: string | null;
  /** How many deliveries were sent together as one message; 1 for a message of its own. */
  together: number;
  versionId: string | null;
  template: { key: string; version: number } | null;
  /** Null once the content of a notification without a template was removed. */
  content: TemplateContent | null;
  data: Record<string, unknown>;
  actions: NotificationAction[];
  attachments: number;
  sourceEmail: EmailIdentity;
  typeEmail: EmailIdentity | null;
  /** What its campaign tracks; null: what its type does. */
  tracking: Tracking | null;
  /** What the recipient allows now. */
  trackingPreference: TrackedMessage["preference"] | null;
  utm: Utm | null;
  type: { id: string; key: string; mandatory: boolean; tracking: Tracking } | null;
  /** The topic of its campaign. */
  topic: { id: string; key: string } | null;
  isOfCampaign: boolean;
  typeVersion: number | null;
  typeVersionNow: number | null;
  recipient: Omit<RecipientScope, "id"> & { id: string };
  recipientChangedAt: Date;
  erasedAt: Date | null;
  /** The epoch that links of the recipient must have. */
  linksEpoch: number;
}

/**
 * Reads what the message of the delivery `$1` is rendered from. The version is the one that a retry or a routing rule chose, otherwise that of the
 * notification, or that of the campaign revision that was claimed last.
 */
const sentMessageSql = `
  SELECT d.id, d.channel, d.status, d.priority, d.finished_at AS "finishedAt", d.group_id AS "groupId",
    CASE WHEN d.group_id IS NULL THEN 1 ELSE (SELECT count(*)::int FROM deliveries o WHERE o.group_id = d.group_id AND o.status = d.status) END AS together,
    coalesce(v.id, i.id) AS "versionId", CASE WHEN v.id IS NOT NULL THEN jsonb_build_object('key', t.key, 'version', v.version) END AS template,
    coalesce(v.content, i.content) AS content, coalesce(n.data, r.data, c.data) AS data, coalesce(n.actions, '[]') AS actions,
    CASE WHEN c.id IS NULL THEN (SELECT count(*)::int FROM notification_attachments a WHERE a.notification_id = n.id)
      ELSE cardinality(coalesce(r.attachment_ids, c.attachment_ids)) END AS attachments,
    CASE WHEN c.topic_id IS NOT NULL THEN (SELECT jsonb_build_object('id', o.id, 'key', o.key) FROM topics o WHERE o.id = c.topic_id) END AS topic,
    coalesce(c.email, '{}') AS "sourceEmail", c.id IS NOT NULL AS "isOfCampaign",
    CASE WHEN y.id IS NOT NULL THEN jsonb_build_object('id', y.id, 'key', y.key, 'mandatory', coalesce((y.document ->> 'mandatory')::boolean, false),
      'tracking', coalesce(y.document -> 'tracking', '{"opens": false, "clicks": false}')) END AS type,
    c.tracking, c.utm, p.preferences -> 'tracking' AS "trackingPreference",
    y.document -> 'email' AS "typeEmail", d.type_version AS "typeVersion", y.version AS "typeVersionNow",
    jsonb_build_object('id', p.id, 'externalId', p.external_id, 'email', p.email, 'timeZone', p.time_zone, 'locale', p.locale, 'attributes', p.attributes) AS recipient,
    p.updated_at AS "recipientChangedAt", p.erased_at AS "erasedAt", p.links_epoch AS "linksEpoch"
  FROM deliveries d JOIN recipients p ON p.id = d.recipient_id
    LEFT JOIN notifications n ON n.id = d.notification_id
    LEFT JOIN campaigns c ON c.id = d.campaign_id
    LEFT JOIN campaign_revisions r ON r.campaign_id = d.campaign_id AND r.revision = d.revision
    LEFT JOIN template_versions v ON v.id = coalesce(d.template_version_id, n.template_version_id, r.template_version_id, c.template_version_id)
    LEFT JOIN templates t ON t.id = v.template_id
    LEFT JOIN inline_contents i ON i.id = n.content_id AND d.template_version_id IS NULL
    LEFT JOIN notification_types y ON y.id = coalesce(n.type_id, c.type_id)
  WHERE d.id = $1::uuid`;

/** Where the links lead, in a message that is shown, that act for the recipient: those of actions, and those that confirm subscriptions. */
const actionAddress = "https://example.invalid/action";

/** The data of a message, without the link that confirms subscriptions: anybody who sees the message could confirm in the recipient's place. */
export const withoutConfirmLink = (data: Record<string, unknown>): Record<string, unknown> =>
  confirmLinkVariable in data ? { ...data, [confirmLinkVariable]: actionAddress } : data;

/** Resolves with null if there is no such delivery. */
export async function readSentMessage(
  pool: Pick<Pool, "query">,
  id: string,
): Promise<SentMessageRow | null> {
  const { rows } = await pool.query<SentMessageRow>(sentMessageSql, [id]);
  const [row] = rows;
  if (!row) return null;
  const { recipient, data } = row;
  return {
    ...row,
    data: withoutConfirmLink(data),
    recipient: { ...recipient, id: publicId("recipient", recipient.id) },
  };
}

/** The data of the message, with its actions, whose links are replaced. */
export const shownData = ({ data, actions, recipient }: SentMessageRow): Record<string, unknown> =>
  actions.length === 0
    ? data
    : {
        ...data,
        actions: actions.map(({ action, label }) => ({
          action,
          label: label ?? summaryWordsFor(recipient.locale).actions[action],
          url: actionAddress,
        })),
      };

/** Whether the message was handed over, or may have been. */
export const wasSent = ({ status }: Pick<SentMessageRow, "status">): boolean =>
  ["sent", "delivered", "unknown"].includes(status);

const readsClock = /(["'])(?:now|today)\1/;

/** Says in which ways the message that was sent may differ from the one that is rendered again. */
export function listDifferences(row: SentMessageRow): string[] {
  const { actions, attachments, content, finishedAt, together } = row;
  const notes: string[] = [];
  if (together > 1 && wasSent(row))
    notes.push(
      `The delivery was sent together with ${together === 2 ? "another one" : `${together - 1} others`} as one message, a summary. This is the message that it would have been by itself.`,
    );
  if (wasSent(row) && finishedAt !== null && row.recipientChangedAt > finishedAt)
    notes.push(
      "The recipient has been changed since. Their present address, locale, time zone and attributes are used.",
    );
  if (
    wasSent(row) &&
    row.channel === "email" &&
    row.typeVersion !== null &&
    row.typeVersion !== row.typeVersionNow
  )
    notes.push(
      "The notification type has been changed since. The sender that it names now is used.",
    );
  if (actions.length > 0)
    notes.push(
      "The links of its actions are replaced, because each of them acts for the recipient.",
    );
  if (row.channel === "email") notes.push(...listTracking(row));
  if (readsClock.test(JSON.stringify(content).replaceAll('\\"', '"')))
    notes.push("The template uses the current time, which is another one now.");
  if (attachments > 0)
    notes.push(
      attachments === 1
        ? "Its attachment is not shown."
        : `Its ${attachments} attachments are not shown.`,
    );
  return notes;
}

/** Says how the links and the image of tracking differ from what is shown. */
function listTracking({
  tracking,
  trackingPreference,
  type,
  priority,
  utm,
}: SentMessageRow): string[] {
  const preference = trackingPreference ?? undefined;
  const tracked = resolveTracking({ campaign: tracking, type, preference, priority });
  return [
    ...(tracked.clicks
      ? [
          "In the email that is sent, links lead through Tidings, by which it is known that they were followed. Here they are as the template has them.",
        ]
      : []),
    ...(tracked.opens
      ? [
          "The email that is sent contains an invisible image, by which it is known that it was opened.",
        ]
      : []),
    ...(utm ? ["In the email that is sent, links have the UTM parameters of the campaign."] : []),
  ];
}

/** The headers of an email that depend on the message, not encoded, in the order in which they are sent. */
export function listHeaders(
  row: SentMessageRow,
  subject: string,
  { sender }: { sender: Sender },
): { name: string; value: string }[] {
  const identity = mergeIdentities(row.sourceEmail, row.content?.email, row.typeEmail);
  const { name } = row.recipient.attributes;
  const address =
    identity?.fromAddress === undefined
      ? sender.mailbox.address
      : parseMailbox(identity.fromAddress)!.address;
  const id = publicId("delivery", row.id);
  return [
    { name: "From", value: mailbox(identity?.fromName ?? sender.name, address) },
    ...(identity?.replyTo === undefined ? [] : [{ name: "Reply-To", value: identity.replyTo }]),
    { name: "Auto-Submitted", value: "auto-generated" },
    ...(row.recipient.email === null
      ? []
      : [
          {
            name: "To",
            value: mailbox(typeof name === "string" ? name.trim() : "", row.recipient.email),
          },
        ]),
    { name: "Subject", value: subject },
    { name: "Message-ID", value: `<${id}@${sender.mailbox.domain}>` },
    { name: "X-Tidings-Delivery", value: id },
    ...(row.priority === "critical" ? [{ name: "Importance", value: "high" }] : []),
  ];
}

const mailbox = (name: string, address: string) => (name === "" ? address : `${name} <${address}>`);
