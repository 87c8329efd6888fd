import { newUuid, publicId } from "../../domain/ids.ts";
import { type NewNotification, referenceOf } from "../../domain/notification.ts";
import type { Priority } from "../../domain/priority.ts";
import type { Channel } from "../../domain/channel.ts";
import { defaultChannel } from "../../domain/policy/route.ts";
import { recipientReference } from "../../domain/recipient.ts";
import { dueSoonMs } from "../../ledger/conditions.ts";
import type { Admission, Refusal, Reservation } from "./admission.ts";
import { isForeignKeyViolation } from "../http/database-errors.ts";
import { type Answer, type KeyedRequest, replayOf, retryOnce } from "../http/idempotency.ts";
import { type FieldError, invalid, Problem } from "../http/problem.ts";
import type { AcceptRow } from "../../ledger/accept.ts";
import type { InTurn } from "../../lib/turns.ts";
import type { RoutedNames } from "../../ledger/routing-facts.ts";
import type { Routes } from "../../ledger/routes.ts";
import type { Execute } from "../../ledger/sql.ts";
import type { AcceptTogether } from "./accept-together.ts";
import { type ChosenRoutes, chooseRoutes } from "./choose-routes.ts";
import type { Caller } from "../http/keyring.ts";
import type { InlineContents, StoredContent } from "./inline-contents.ts";
import type { NotificationTypeLookup } from "../notification-types/lookup.ts";
import {
  dataErrors,
  type NamedVersion,
  type TemplateVersions,
} from "../templates/version-cache.ts";

/** The answer to a request to accept a notification. */
export interface Acceptance extends Answer {
  /** Queues that have new rows; empty if an earlier answer was repeated. */
  queues: string[];
}

const acceptedStatus = 202;

interface Deps {
  accept: AcceptTogether;
  inTurn: InTurn;
  admission: Admission;
  versions: TemplateVersions;
  contents: InlineContents;
  types: NotificationTypeLookup;
  routes: Routes;
  /** Reads recipients for routing rules. */
  execute: Execute;
  now: Date;
}

/** Where a notification comes from: the caller and the request. */
export interface Origin {
  caller: Caller;
  requestId: string;
  /** The caller’s network address, as the audit trail shows it. */
  address: string | null;
  /** Whether it is a test message of a template. */
  test?: boolean;
  /** Errors of the request that were found before, for which nothing of it is written. */
  errors?: readonly FieldError[];
}

/**
 * Writes a notification, one delivery for each recipient, and the answer for the idempotency key, all or nothing. A recipient who is
 * named twice gets one delivery. Throws the problem that prevents it. If too many deliveries wait already, nothing of the request is
 * stored; an answer that was stored for its idempotency key is returned all the same.
 */
export async function acceptNotification(
  deps: Deps,
  notification: NewNotification,
  origin: Origin,
  request: KeyedRequest | null,
): Promise<Acceptance> {
  const accept = () => acceptInTurn(deps, notification, origin, request);
  // Requests with the same idempotency key are answered in the order in which they arrived, however long each takes.
  return request ? deps.inTurn(`${request.scope} ${request.key}`, accept) : accept();
}

async function acceptInTurn(
  deps: Deps,
  notification: NewNotification,
  origin: Origin,
  request: KeyedRequest | null,
): Promise<Acceptance> {
  const recipients = notification.recipients.map(referenceOf);
  const message = messageOf(deps, notification, origin.caller);
  const remembered = await message.find();
  const named = notification.type === undefined ? null : await deps.types.find(notification.type);
  const type = named?.kind === "type" ? named.type : null;
  const priority = notification.priority ?? type?.priority ?? "normal";
  const { now } = deps;
  const sendAt = notification.sendAt === undefined ? now : new Date(notification.sendAt);
  const isLater = sendAt.getTime() > now.getTime() + dueSoonMs;
  const prepared: Prepared = {
    ...notification,
    recipients,
    chooseRoutes: async (names, execute = deps.execute) =>
      chooseRoutes({ routes: deps.routes, execute }, await deps.types.rulebook(), {
        notification,
        type,
        priority,
        sendAt,
        names,
      }),
    changed: new Set(
      notification.recipients.flatMap((one) => (typeof one === "string" ? [] : referenceOf(one))),
    ),
    sendAt: sendAt > now ? sendAt : now,
    isLater,
    priority,
    typeId: type?.id ?? null,
    channel: defaultChannel(type),
    errors: [...(origin.errors ?? []), ...(named?.kind === "unusable" ? [named.error] : [])],
  };
  const place = await deps.admission.reserve({
    references: recipients,
    key: origin.caller.id,
    isCritical: priority === "critical",
    isLater,
  });
  // Until the result is known, all deliveries may have been written.
  let written = recipients.length;
  try {
    if (place.refusal && !request)
      throw await createTooManyProblem(deps.admission, place.refusal, recipients.length);
    const tryMessage = async (found: FoundMessage) =>
      tryToAccept(deps, prepared, origin, found, request, place);
    const acceptance =
      (await tryMessage(remembered)) ??
      // Another version was activated, which may need other data, the template was archived, or the content was removed.
      (await tryMessage(await message.findAgain())) ??
      throwTemplateChanged();
    written = acceptance.written;
    return acceptance;
  } catch (error) {
    if (error instanceof Problem || isForeignKeyViolation(error)) written = 0;
    throw error;
  } finally {
    place.release(written);
  }
}

function throwTemplateChanged(): never {
  throw new Problem("conflict", "The template is being changed. Repeat the request.");
}

/** What a notification sends: a version of a template, or a content of its own; or why it cannot be used. */
type FoundMessage = NamedVersion | StoredContent;

/** Returns how the message of a notification is found: first as this process remembers it, and then as it is stored. */
function messageOf(
  { versions, contents, now }: Deps,
  { template, content }: NewNotification,
  caller: Caller,
): { find: () => Promise<FoundMessage>; findAgain: () => Promise<FoundMessage> } {
  if (template !== undefined)
    return {
      find: () => versions.findCached(template),
      findAgain: () => versions.find(template),
    };
  const find = () => contents.store(caller, content!, now);
  return {
    find,
    findAgain() {
      contents.forget(content!);
      return find();
    },
  };
}

/** Lists what is wrong with the message, or with the data for it. */
function messageErrors(found: FoundMessage, data: Record<string, unknown>): readonly FieldError[] {
  switch (found.kind) {
    case "pinned":
      return dataErrors(found.checkData, data);
    case "unusable":
      return [found.error];
    case "faulty":
      return found.errors;
    case "content":
      return [];
  }
}

/** A notification whose type and priority are known, with the errors found so far. */
type Prepared = Omit<NewNotification, "sendAt" | "recipients"> & {
  chooseRoutes: (names: RoutedNames, execute?: Execute) => Promise<ChosenRoutes>;
  recipients: readonly string[];
  /** The recipients who are created or changed with the notification. */
  changed: ReadonlySet<string>;
  sendAt: Date;
  isLater: boolean;
  priority: Priority;
  typeId: string | null;
  channel: Channel;
  errors: readonly FieldError[];
};

/** Accepts the notification with a version of its template. Resolves with null if that version is no longer active or usable. */
async function tryToAccept(
  { accept, admission, now }: Deps,
  prepared: Prepared,
  { caller, requestId, address, test = false }: Origin,
  found: FoundMessage,
  request: KeyedRequest | null,
  place: Reservation,
): Promise<(Acceptance & { written: number }) | null> {
  const { recipients, template, data, priority, sendAt, isLater } = prepared;
  const errors: FieldError[] = [...prepared.errors, ...messageErrors(found, data)];
  const externalIds: string[] = [];
  const ids = new Map<string, string>();
  for (const reference of recipients) {
    const named = recipientReference(reference);
    if ("id" in named) ids.set(reference, named.id);
    else externalIds.push(reference);
  }
  const id = newUuid(now);
  const isValid = errors.length === 0 && place.refusal === null;
  const recipientIds = [...ids.values()];
  // A test message of a template is an email.
  const choose = async (execute?: Execute): Promise<ChosenRoutes> =>
    isValid && !test
      ? prepared.chooseRoutes({ externalIds, recipientIds }, execute)
      : { ids: null };
  const routes = await choose();
  const accepting = {
    scope: request?.scope ?? null,
    key: request?.key ?? null,
    hash: request?.hash ?? null,
    externalIds,
    references: [...ids.keys()],
    recipientIds,
    routeIds: routes.ids,
    id,
    publicId: publicId("notification", id),
    versionId: found.kind === "pinned" ? found.id : null,
    contentId: found.kind === "content" ? found.id : null,
    mustBeActive: template !== undefined && template.version === undefined,
    priority,
    channel: prepared.channel,
    data,
    sendAt,
    isLater,
    valid: isValid,
    now,
    caller: caller.id,
    requestId,
    test,
    answerStatus: acceptedStatus,
    typeId: prepared.typeId,
    occursAt: prepared.occursAt ?? null,
    expiresAt: prepared.expiresAt ?? null,
    entityId: prepared.entityId ?? null,
    dedupKey: prepared.dedupKey ?? null,
    collapseKey: prepared.collapseKey ?? null,
    batchable: prepared.batchable ?? true,
    bypassRateLimit: prepared.bypassRateLimit ?? false,
    actions: prepared.actions,
    auditId: prepared.bypassRateLimit ? newUuid(now) : null,
    address,
  };
  const acceptWithin = (room: number) =>
    retryOnce(request, () => accept({ ...accepting, room: Math.max(0, room) }, choose));
  const { perRecipient } = place;
  const others = place.otherReservations();
  let row: AcceptRow;
  try {
    row = await acceptWithin(perRecipient - others);
  } catch (error) {
    // The content was removed since this process stored it.
    if (found.kind === "content" && isForeignKeyViolation(error)) return null;
    throw error;
  }
  if (row.crowdedIds && others > 0) {
    // Perhaps only because of what other requests were about to write. Some of it is written now, and some never will be.
    await place.waitForOthers();
    row = await acceptWithin(perRecipient);
  }
  const { current, accepted, count, queues, missing, crowdedIds, crowdedNames } = row;
  if (accepted !== null) {
    const answer = { status: acceptedStatus, text: accepted, replayed: false };
    return { ...answer, queues: queues!, written: count! };
  }
  const kept = request && replayOf(request, row);
  if (kept) return { ...kept, queues: [], written: 0 };
  if (!current) return null;
  const listErrors = (refused: ReadonlySet<string>, message: string): FieldError[] =>
    [...recipients.entries()].flatMap(([index, reference]) =>
      refused.has(reference) || refused.has(ids.get(reference) ?? "")
        ? [{ in: "body", field: `/recipients/${index}`, message }]
        : [],
    );
  errors.push(
    ...listErrors(
      new Set((missing ?? []).filter((reference) => !prepared.changed.has(reference))),
      "names no recipient: create the recipient first with PUT /v1/recipients/{external id}",
    ),
  );
  if (errors.length > 0) throw invalid(errors);
  if (place.refusal) throw await createTooManyProblem(admission, place.refusal, recipients.length);
  const crowded = new Set([...(crowdedIds ?? []), ...(crowdedNames ?? [])]);
  throw createCapacityProblem(
    isLater ? "too-many-scheduled" : "too-many-unsent",
    `${describeCrowded(row)} ${isLater ? "scheduled" : "waiting"} deliveries as allowed: ${perRecipient} (MAX_UNSENT_PER_RECIPIENT).`,
    await estimateRetryAfter(admission, row),
    listErrors(crowded, "has too many deliveries waiting"),
  );
}

const describeCrowded = ({ crowdedIds }: AcceptRow) =>
  crowdedIds?.length === 1
    ? "One of the recipients already has as many"
    : `${crowdedIds?.length ?? 0} of the recipients already have as many`;

/** Estimates in how many seconds a recipient has room again: when the first waiting delivery is sent, which is not before it is due. */
async function estimateRetryAfter(
  { secondsUntilSent, longestWaitSeconds }: Admission,
  { crowdedForSeconds }: AcceptRow,
): Promise<number> {
  const forSeconds = Math.ceil(crowdedForSeconds ?? 0);
  return forSeconds > 0 ? Math.min(forSeconds, longestWaitSeconds) : secondsUntilSent();
}

async function createTooManyProblem(
  { secondsUntilGone }: Admission,
  { variable, bound, share, excess }: Refusal,
  wanted: number,
): Promise<Problem> {
  const retryAfter = await secondsUntilGone(excess ?? wanted, variable);
  const [kind, state] =
    variable === "MAX_UNSENT"
      ? (["too-many-unsent", "due and not sent yet"] as const)
      : (["too-many-scheduled", "scheduled or held for later"] as const);
  return createCapacityProblem(
    kind,
    `At most ${bound} deliveries outside campaigns may be ${state} (${variable}). One API key may have four fifths of what the other keys leave, at the moment ${share}. There is no room for ${wanted} more.`,
    retryAfter,
  );
}

const createCapacityProblem = (
  kind: "too-many-unsent" | "too-many-scheduled",
  detail: string,
  retryAfter: number,
  errors: readonly FieldError[] = [],
) =>
  new Problem(
    kind,
    `${detail} Nothing of the request was stored. Repeat it after the time in Retry-After.`,
    {
      headers: { "Retry-After": String(retryAfter) },
      errors,
    },
  );
