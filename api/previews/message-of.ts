import type { z } from "@hono/zod-openapi";
import type { RecipientFilter } from "../../domain/audience.ts";
import type { newCampaign } from "../../domain/campaign.ts";
import type { NewNotification, TemplateReference } from "../../domain/notification.ts";
import type { NotificationType } from "../../domain/policy/notification-type.ts";
import type { TemplateContent } from "../../domain/templates/content.ts";
import type { Rulebook } from "../../ledger/rulebook.ts";
import type { Caller } from "../http/keyring.ts";
import { refuseForeignSender } from "../http/mail-domains.ts";
import { type FieldError, invalid } from "../http/problem.ts";
import type { PreviewedMessage } from "../policy/previewed-message.ts";
import { segmentsOf } from "../segments/audience.ts";
import type { Services } from "../services.ts";
import { holdTopic } from "../topics/store.ts";
import { dataErrors } from "../templates/version-cache.ts";

/** A message with everything that decides what happens to it. */
export type DecidedMessage = PreviewedMessage & { content: TemplateContent; rulebook: Rulebook };

/** The parts of a campaign on which a preview depends. */
export type PreviewedCampaign = Pick<
  z.output<typeof newCampaign>,
  "audience" | "data" | "email" | "priority" | "route" | "startAt" | "template" | "topic" | "type"
>;

/** Makes the message of a campaign, and reads the filters of the segments of its audience. Throws the problem for which the campaign would be refused. */
export async function readCampaignMessage(
  services: Services,
  caller: Caller,
  wanted: PreviewedCampaign,
  now: Date,
): Promise<{ message: DecidedMessage; segments: ReadonlyMap<string, RecipientFilter> }> {
  const rulebook = await services.readPolicySnapshot();
  refuseForeignSender(wanted.email, services.config, "/email");
  const { type, errors } = await findType(services, rulebook, wanted.type);
  const found = await findContent(services, caller, wanted);
  errors.push(...found.errors);
  if (errors.length > 0) throw invalid(errors);
  const topic = wanted.topic === null ? null : await holdTopic(services.prisma, wanted.topic);
  const segments = await segmentsOf(services.prisma, wanted.audience);
  return {
    segments,
    message: {
      rulebook,
      content: found.content,
      source: "campaign",
      requested: wanted.route,
      type,
      priority: wanted.priority ?? type?.priority ?? "normal",
      topic: topic && { id: topic.id, key: topic.key },
      data: wanted.data,
      entityId: null,
      at: latest(wanted.startAt, now),
      occursAt: null,
      expiresAt: null,
      batchable: true,
      bypassRateLimit: false,
      dedupKey: null,
      collapseKey: null,
    },
  };
}

export const latest = (wanted: Date | undefined, now: Date): Date =>
  wanted && wanted > now ? wanted : now;

/** Whether a notification has attachments or copies, with which it is never batched. */
export const hasParts = ({ attachments = [], cc = [], bcc = [] }: NewNotification): boolean =>
  attachments.length + cc.length + bcc.length > 0;

export async function findType(
  { notificationTypes }: Services,
  { types }: Rulebook,
  key: string | null,
): Promise<{ type: NotificationType | null; errors: FieldError[] }> {
  if (key === null) return { type: null, errors: [] };
  const found = await notificationTypes.find(key);
  return found.kind === "unusable"
    ? { type: null, errors: [found.error] }
    : { type: types.get(found.type.id) ?? found.type, errors: [] };
}

/** Finds the content of a message, which is not stored, and what is wrong with it or with the data for it. */
export async function findContent(
  { templateVersions, inlineContents, prisma }: Services,
  caller: Caller,
  {
    template,
    content,
    data,
  }: {
    template?: TemplateReference | undefined;
    content?: NewNotification["content"];
    data: Record<string, unknown>;
  },
): Promise<{ content: TemplateContent; errors: readonly FieldError[] }> {
  if (template === undefined) {
    const checked = await inlineContents.check(caller, content!);
    return checked.kind === "checked"
      ? { content: checked.content, errors: [] }
      : { content: {}, errors: checked.errors };
  }
  const version = await templateVersions.find(template);
  if (version.kind === "unusable") return { content: {}, errors: [version.error] };
  const row = await prisma.templateVersion.findUnique({
    where: { id: version.id },
    select: { content: true },
  });
  return {
    content: (row?.content ?? {}) as TemplateContent,
    errors: dataErrors(version.checkData, data),
  };
}
