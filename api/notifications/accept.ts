import { newUuid, publicId } from "../../domain/ids.ts";
import type { NewNotification } from "../../domain/notification.ts";
import type { Priority } from "../../domain/priority.ts";
import type { Channel } from "../../domain/channel.ts";
import { routeMessage } from "../../domain/policy/route.ts";
import { recipientReference } from "../../domain/recipient.ts";
import { dueSoonMs } from "../../ledger/conditions.ts";
import type { Admission, Refusal, Reservation } from "./admission.ts";
import { isForeignKeyViolation } from "../http/database-errors.ts";
import { type Answer, type KeyedRequest, replayOf, retryOnce } from "../http/idempotency.ts";
import { type FieldError, invalid, Problem } from "../http/problem.ts";
import type { AcceptRow } from "../../ledger/accept.ts";
import type { InTurn } from "../../lib/turns.ts";
import type { AcceptTogether } from "./accept-together.ts";
import type { NotificationTypeLookup } from "../notification-types/lookup.ts";
import {
  dataErrors,
  type NamedVersion,
  type TemplateVersions,
} from "../templates/version-cache.ts";

export interface Acceptance extends Answer {
  /** Queues that have new rows; none for a replay. */
  queues: string[];
}

const acceptedStatus = 202;

interface Deps {
  accept: AcceptTogether;
  inTurn: InTurn;
  admission: Admission;
  versions: TemplateVersions;
  types: NotificationTypeLookup;
  now: Date;
}

/** Who asks, in which request. */
export interface Origin {
  caller: string;
  requestId: string;
  /** The network address, as the audit trail has it. */
  address: string | null;
  /** A try of a template. */
  test?: boolean;
}

/**
 * Writes a notification, one row for each recipient and the answer under its key, all or nothing. A recipient named twice
 * is told once. Throws the problem that stands in the way; where that is how much waits already, nothing of the request is
 * kept, and an answer that its key has already is given all the same.
 */
export async function acceptNotification(
  deps: Deps,
  notification: NewNotification,
  origin: Origin,
  request: KeyedRequest | null,
): Promise<Acceptance> {
  const accept = () => acceptInTurn(deps, notification, origin, request);
  // Requests under one key are answered in the order in which they came, whatever each has to wait for.
  return request ? deps.inTurn(`${request.scope} ${request.key}`, accept) : accept();
}

async function acceptInTurn(
  deps: Deps,
  notification: NewNotification,
  origin: Origin,
  request: KeyedRequest | null,
): Promise<Acceptance> {
  const { template, recipients } = notification;
  const remembered = await deps.versions.findCached(template);
  const named = notification.type === undefined ? null : await deps.types.find(notification.type);
  const type = named?.kind === "type" ? named.type : null;
  const priority = notification.priority ?? type?.priority ?? "normal";
  const { now } = deps;
  const sendAt = notification.sendAt === undefined ? now : new Date(notification.sendAt);
  const isLater = sendAt.getTime() > now.getTime() + dueSoonMs;
  const wanted: Wanted = {
    ...notification,
    sendAt: sendAt > now ? sendAt : now,
    isLater,
    priority,
    typeId: type?.id ?? null,
    channel: routeMessage(type),
    errors: named?.kind === "unusable" ? [named.error] : [],
  };
  const place = await deps.admission.reserve({
    references: recipients,
    key: origin.caller,
    isCritical: priority === "critical",
    isLater,
  });
  // Until it is known what was written, it may have been all.
  let written = recipients.length;
  try {
    if (place.refusal && !request)
      throw await tooManyInAll(deps.admission, place.refusal, recipients.length);
    const tryVersion = async (version: NamedVersion) =>
      tryToAccept(deps, wanted, origin, version, request, place);
    const acceptance =
      (await tryVersion(remembered)) ??
      // Somebody has activated a version, which may ask for other data, or archived the template.
      (await tryVersion(await deps.versions.find(template))) ??
      raced();
    written = acceptance.written;
    return acceptance;
  } catch (error) {
    if (error instanceof Problem || isForeignKeyViolation(error)) written = 0;
    throw error;
  } finally {
    place.release(written);
  }
}

function raced(): never {
  throw new Problem("conflict", "The template is being changed. Repeat the request.");
}

/** A notification with its type found, its priority settled, and what is wrong with it so far. */
type Wanted = Omit<NewNotification, "sendAt"> & {
  sendAt: Date;
  isLater: boolean;
  priority: Priority;
  typeId: string | null;
  channel: Channel;
  errors: readonly FieldError[];
};

/** Null if `version` may not be used any more, or is not the active one and that was asked for. */
async function tryToAccept(
  { accept, admission, now }: Deps,
  wanted: Wanted,
  { caller, requestId, address, test = false }: Origin,
  version: NamedVersion,
  request: KeyedRequest | null,
  place: Reservation,
): Promise<(Acceptance & { written: number }) | null> {
  const { recipients, template, data, priority, sendAt, isLater } = wanted;
  const errors: FieldError[] = [
    ...wanted.errors,
    ...(version.kind === "pinned" ? dataErrors(version.checkData, data) : [version.error]),
  ];
  const externalIds: string[] = [];
  const ids = new Map<string, string>();
  for (const reference of recipients) {
    const named = recipientReference(reference);
    if ("id" in named) ids.set(reference, named.id);
    else externalIds.push(reference);
  }
  const id = newUuid(now);
  const accepting = {
    scope: request?.scope ?? null,
    key: request?.key ?? null,
    hash: request?.hash ?? null,
    externalIds,
    references: [...ids.keys()],
    recipientIds: [...ids.values()],
    id,
    publicId: publicId("notification", id),
    versionId: version.kind === "pinned" ? version.id : null,
    mustBeActive: template.version === undefined,
    priority,
    channel: wanted.channel,
    data,
    sendAt,
    isLater,
    valid: errors.length === 0 && place.refusal === null,
    now,
    caller,
    requestId,
    test,
    answerStatus: acceptedStatus,
    typeId: wanted.typeId,
    occursAt: wanted.occursAt ?? null,
    expiresAt: wanted.expiresAt ?? null,
    entityId: wanted.entityId ?? null,
    dedupKey: wanted.dedupKey ?? null,
    collapseKey: wanted.collapseKey ?? null,
    batchable: wanted.batchable ?? true,
    bypassRateLimit: wanted.bypassRateLimit ?? false,
    actions: wanted.actions,
    auditId: wanted.bypassRateLimit ? newUuid(now) : null,
    address,
  };
  const ask = (room: number) =>
    retryOnce(request, () => accept({ ...accepting, room: Math.max(0, room) }));
  const { perRecipient } = place;
  const others = place.otherReservations();
  let row = await ask(perRecipient - others);
  if (row.crowdedIds && others > 0) {
    // Perhaps only by what others were about to write, of which some is there now, and some never will be.
    await place.waitForOthers();
    row = await ask(perRecipient);
  }
  const { current, accepted, count, queues, missing, crowdedIds, crowdedNames } = row;
  if (accepted !== null) {
    const answer = { status: acceptedStatus, text: accepted, replayed: false };
    return { ...answer, queues: queues!, written: count! };
  }
  const kept = request && replayOf(request, row);
  if (kept) return { ...kept, queues: [], written: 0 };
  if (!current) return null;
  const named = (refused: ReadonlySet<string>, message: string): FieldError[] =>
    [...recipients.entries()].flatMap(([index, reference]) =>
      refused.has(reference) || refused.has(ids.get(reference) ?? "")
        ? [{ in: "body", field: `/recipients/${index}`, message }]
        : [],
    );
  errors.push(
    ...named(
      new Set(missing ?? []),
      "names no recipient: create it first with PUT /v1/recipients/{external id}",
    ),
  );
  if (errors.length > 0) throw invalid(errors);
  if (place.refusal) throw await tooManyInAll(admission, place.refusal, recipients.length);
  const crowded = new Set([...(crowdedIds ?? []), ...(crowdedNames ?? [])]);
  throw tooMany(
    isLater ? "too-many-scheduled" : "too-many-unsent",
    `${crowdedOf(row)} as many deliveries ${isLater ? "scheduled" : "waiting"} as may: ${perRecipient} (MAX_UNSENT_PER_RECIPIENT).`,
    await secondsUntilLess(admission, row),
    named(crowded, "has too much waiting"),
  );
}

const crowdedOf = ({ crowdedIds }: AcceptRow) =>
  crowdedIds?.length === 1
    ? "One of the recipients has"
    : `${crowdedIds?.length ?? 0} of the recipients have`;

/** What waits for a recipient becomes less when the first of it is sent: not before it is due. */
async function secondsUntilLess(
  { secondsUntilSent, longestWaitSeconds }: Admission,
  { crowdedForSeconds }: AcceptRow,
): Promise<number> {
  const forSeconds = Math.ceil(crowdedForSeconds ?? 0);
  return forSeconds > 0 ? Math.min(forSeconds, longestWaitSeconds) : secondsUntilSent();
}

async function tooManyInAll(
  { secondsUntilGone }: Admission,
  { variable, bound, share, excess }: Refusal,
  wanted: number,
): Promise<Problem> {
  const retryAfter = await secondsUntilGone(excess ?? wanted, variable);
  const [kind, what] =
    variable === "MAX_UNSENT"
      ? (["too-many-unsent", "due and not sent yet"] as const)
      : (["too-many-scheduled", "scheduled or held for later"] as const);
  return tooMany(
    kind,
    `At most ${bound} deliveries outside campaigns may be ${what} (${variable}). One API key may have four fifths of what the others leave: at the moment ${share}. There is no room for ${wanted} more.`,
    retryAfter,
  );
}

const tooMany = (
  kind: "too-many-unsent" | "too-many-scheduled",
  detail: string,
  retryAfter: number,
  errors: readonly FieldError[] = [],
) =>
  new Problem(kind, `${detail} Nothing of the request was kept: repeat it when Retry-After says.`, {
    headers: { "Retry-After": String(retryAfter) },
    errors,
  });
