import { executeIn } from "../../ledger/sql.ts";
import { holdAttachments } from "../attachments/store.ts";
import { refuseForeignSender } from "../http/mail-domains.ts";
import { isDeepStrictEqual } from "node:util";
import { applyAction, type CampaignEdit, editRefusal } from "../../domain/campaign.ts";
import {
  compileVariables,
  type TemplateVariables,
} from "../../domain/templates/template-variables.ts";
import { Prisma } from "../../prisma/generated/client.ts";
import { type FieldError, invalid, Problem } from "../http/problem.ts";
import { holdType } from "../notification-types/lookup.ts";
import { segmentsOf } from "../segments/audience.ts";
import { holdTopic } from "../topics/store.ts";
import type { Services } from "../services.ts";
import { dataErrors, pinVersion } from "../templates/version-cache.ts";
import type { CampaignAnswer, CampaignRow, ReadCampaign } from "./store.ts";

/** The largest revision: its column is a smallint. */
const maxRevision = 32_767;

/** The fields that are stored in the form in which the API shows them. */
const plainColumns = [
  "name",
  "audience",
  "data",
  "priority",
  "guarantee",
  "email",
  "redirects",
] as const;
/** Those of them that can be null. */
const nullableColumns = ["route", "tracking", "utm"] as const;

/** The changes that an edit makes. */
interface EditPlan {
  /** The fields that change, with their values as the API shows them. */
  changes: Record<string, { from: unknown; to: unknown }>;
  columns: Prisma.CampaignUncheckedUpdateInput;
  /** Whether the pending deliveries of a frozen audience get a new message. */
  supersedes: boolean;
}

interface EditedVersion {
  id: string;
  template: CampaignAnswer["template"];
}

/** Plans an edit of a campaign. Throws the problem of an edit that is refused. */
export async function planEdit(
  { templateVersions, clock, config }: Pick<Services, "templateVersions" | "clock" | "config">,
  client: Prisma.TransactionClient,
  read: ReadCampaign,
  wanted: CampaignEdit,
): Promise<EditPlan> {
  const { row, json } = read;
  const version = await chooseVersion(templateVersions, client, read, wanted);
  const after: Partial<CampaignAnswer> = toShownFields(wanted, version);
  const fields = (Object.keys(after) as (keyof CampaignEdit)[]).filter(
    (field) => !isDeepStrictEqual(after[field], json[field]),
  );
  const isEdited = (field: keyof CampaignEdit) => fields.includes(field);
  refuseFields(row, fields);
  if (wanted.email) refuseForeignSender(wanted.email, config, "/email");
  if (wanted.audience && isEdited("audience")) await segmentsOf(client, wanted.audience);
  const type = wanted.type && isEdited("type") ? await holdType(client, wanted.type) : null;
  const topic = wanted.topic && isEdited("topic") ? await holdTopic(client, wanted.topic) : null;
  const attachmentIds =
    wanted.attachments && isEdited("attachments")
      ? await holdAttachments(executeIn(client), wanted.attachments, clock())
      : undefined;
  const isNewMessage = isEdited("template") || isEdited("data") || isEdited("attachments");
  const supersedes = row.frozenAt !== null && isNewMessage;
  if (supersedes) refuseLastRevision(row);
  const start =
    wanted.startAt && isEdited("startAt") ? moveStart(row, wanted.startAt, clock()) : undefined;

  const describeChange = <Field extends keyof CampaignAnswer>(field: Field, to: unknown) =>
    [field, { from: json[field], to }] as const;
  return {
    changes: Object.fromEntries([
      ...fields.map((field) => describeChange(field, after[field])),
      ...(start && start.status !== row.status ? [describeChange("status", start.status)] : []),
      ...(supersedes ? [describeChange("revision", row.revision + 1)] : []),
    ]),
    columns: {
      ...Object.fromEntries(
        plainColumns.filter(isEdited).map((column) => [column, wanted[column]]),
      ),
      ...(isEdited("template") && { templateVersionId: version.id }),
      ...(attachmentIds && { attachmentIds }),
      ...Object.fromEntries(
        nullableColumns.filter(isEdited).map((column) => [column, wanted[column] ?? Prisma.DbNull]),
      ),
      ...(isEdited("type") && { typeId: type?.id ?? null }),
      ...(isEdited("topic") && { topicId: topic?.id ?? null }),
      ...start,
      ...(supersedes && { revision: row.revision + 1 }),
    },
    supersedes,
  };
}

/**
 * Chooses the template version that the campaign has after an edit. Throws the problem if the campaign’s data after the edit do not
 * fit that version.
 */
async function chooseVersion(
  templateVersions: Services["templateVersions"],
  client: Prisma.TransactionClient,
  { row, json }: ReadCampaign,
  { template, data }: CampaignEdit,
): Promise<EditedVersion> {
  const now = json.template;
  if (template && (template.key !== now.key || template.version !== now.version)) {
    const wanted = { template, data: data ?? json.data };
    const { id, version } = await pinVersion(templateVersions, client, wanted);
    return { id, template: { key: template.key, version } };
  }
  const { templateVersionId: id } = row;
  if (data) {
    const { variables } = await client.templateVersion.findUniqueOrThrow({
      where: { id },
      select: { variables: true },
    });
    const errors = dataErrors(compileVariables(variables as TemplateVariables), data);
    if (errors.length > 0) throw invalid(errors);
  }
  return { id, template: now };
}

/** Converts the fields of an edit to the form in which the API shows them after the edit. */
function toShownFields(wanted: CampaignEdit, { template: version }: EditedVersion) {
  const { template, startAt, ...rest } = wanted;
  return {
    ...rest,
    ...(template && { template: version }),
    ...(startAt && { startAt: startAt.toISOString() }),
  } as Partial<CampaignAnswer>;
}

/** Throws the problem that names the fields that cannot be edited in the campaign’s current state. */
function refuseFields(row: CampaignRow, fields: readonly (keyof CampaignEdit)[]): void {
  const refusals = fields.flatMap((field): FieldError[] => {
    const why = editRefusal({ ...row, correction: row.correctsId !== null }, field);
    return why === null ? [] : [{ in: "body", field: `/${field}`, message: why }];
  });
  if (refusals.length === 0) return;
  const reasons = refusals.map(({ field, message }) => `${field} cannot be edited: ${message}`);
  throw new Problem("conflict", `${reasons.join("; ")}.`, { errors: refusals });
}

function refuseLastRevision({ revision }: CampaignRow): void {
  if (revision >= maxRevision)
    throw new Problem(
      "conflict",
      `The campaign has reached its largest revision, ${maxRevision}. Recall it, and create another campaign.`,
    );
}

/** Schedules a draft for an instant, or moves the start of another campaign to it. */
function moveStart(row: CampaignRow, startAt: Date, now: Date) {
  const action = row.status === "draft" ? "schedule" : "reschedule";
  const transition = applyAction(row, { action, startAt }, now);
  if (transition.kind === "refused")
    throw new Problem("conflict", `The start of the campaign cannot be moved: ${transition.why}.`);
  return { status: transition.state.status, startAt: transition.state.startAt };
}
