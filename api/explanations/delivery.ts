import { z } from "@hono/zod-openapi";
import type { Pool } from "pg";
import type { ReadRulebook, Rulebook } from "../../ledger/rulebook.ts";
import { noLoad } from "../../domain/policy/batching.ts";
import { decide } from "../../domain/policy/decide.ts";
import type { Decision, DecisionInput } from "../../domain/policy/decision.ts";
import { isReleased } from "../../domain/policy/rules.ts";
import { buildDecisionInput } from "../../domain/policy/decision-input.ts";
import { publicId } from "../../domain/ids.ts";
import { longestWindowMs } from "../../domain/policy/limits.ts";
import { type NotificationType, typeDefinition } from "../../domain/policy/notification-type.ts";
import { type DeliveryStatus } from "../../domain/delivery/status.ts";
import { deliveryStatuses } from "../../domain/delivery/status.ts";
import { attemptFailures } from "../../domain/delivery/attempt.ts";
import { buildPolicy, defaultPolicy } from "../../domain/policy/policy.ts";
import type { Preferences } from "../../domain/policy/preferences.ts";
import { heldReasons, type Reason, reasons } from "../../domain/delivery/reasons.ts";
import {
  requestColumns,
  type RequestRow,
  requestTables,
  type RecipientState,
  readRecipientStates,
  typeOf,
} from "../../ledger/recipient-snapshot.ts";
import { readRepeats } from "../../ledger/repeats.ts";
import {
  decisionAnswer,
  decisionJson,
  reasonOf,
  ruleAnswer,
  rulesJson,
  versionsAnswer,
  wouldWords,
} from "./decision-json.ts";
import { instantWords, reasonWords } from "./reason-text.ts";
import { exampleIdOf } from "../http/path-ids.ts";

export const explanationAnswer = z
  .object({
    delivery: z.string().openapi({ example: exampleIdOf("delivery") }),
    source: z
      .string()
      .openapi({ description: "cmp_… or ntf_…", example: exampleIdOf("notification") }),
    recipient: z.string().openapi({ example: exampleIdOf("recipient") }),
    summary: z.string().openapi({
      description: "What became of it and why, in a sentence or two",
      example:
        "It waits until 2027-03-02T06:00:00.000Z (Tuesday 2027-03-02 07:00 +01:00 in Europe/Berlin), for the recipient’s quiet hours to end.",
    }),
    status: z.enum(deliveryStatuses).openapi({ example: "pending" }),
    reason: z
      .enum(reasons)
      .nullable()
      .openapi({ description: "As the ledger keeps it", example: "quiet_hours" }),
    basis: z.enum(["record", "now"]).openapi({
      description:
        "`record`: the last decision about it, made again with what it was made with. `now`: it has not been decided about, or will be anew; this is as things stand now.",
      example: "record",
    }),
    asOf: z.iso.datetime().openapi({
      description: "The instant that was decided for",
      example: "2027-03-01T22:30:00.000Z",
    }),
    versions: versionsAnswer,
    decision: decisionAnswer,
    consistent: z.boolean().openapi({
      description:
        "Whether what was decided and what is found now agree. Where they do not, the decision is the one that was made, and the notes say what is found now.",
      example: true,
    }),
    notes: z.array(z.string()).openapi({
      description: "What this explanation cannot know any more, or had to take for granted",
      example: [],
    }),
    rules: z
      .array(ruleAnswer)
      .openapi({ description: "Every rule, in the order in which they are asked" }),
    group: z
      .object({
        id: z.string().openapi({ example: exampleIdOf("group") }),
        kind: z.enum(["batch", "digest"]),
        members: z.number().int().openapi({ example: 3 }),
        closesAt: z.iso.datetime(),
      })
      .nullable()
      .openapi({ description: "The others with which it goes, or went, out", example: null }),
    attempts: z.object({
      count: z.number().int().openapi({ example: 0 }),
      last: z
        .object({
          outcome: z.enum(["sent", "transient", "permanent", "unknown"]),
          failure: z.enum(attemptFailures).nullable(),
          response: z.string().nullable().openapi({ example: "450 4.2.0 greylisted" }),
          finishedAt: z.iso.datetime(),
        })
        .nullable()
        .openapi({ example: null }),
    }),
  })
  .openapi("Explanation");

type Explanation = z.output<typeof explanationAnswer>;

interface Row extends RequestRow {
  campaignId: string | null;
  status: DeliveryStatus;
  attemptCount: number;
  finishedAt: Date | null;
  decidedAt: Date | null;
  policyVersion: number | null;
  typeVersion: number | null;
  preferencesVersion: number | null;
  groupKind: "batch" | "digest" | null;
  groupStatus: "open" | "full" | "closed" | null;
  groupClosesAt: Date | null;
  groupMembers: number | null;
  adapted: "backlog" | "delay" | null;
  attempt: Explanation["attempts"]["last"];
}

const rowSql = `
  SELECT ${requestColumns}, d.campaign_id AS "campaignId", d.status, d.attempt_count AS "attemptCount",
    d.finished_at AS "finishedAt", d.decided_at AS "decidedAt", d.policy_version AS "policyVersion", d.type_version AS "typeVersion",
    d.preferences_version AS "preferencesVersion", g.kind AS "groupKind", g.status AS "groupStatus", g.closes_at AS "groupClosesAt",
    g.member_count AS "groupMembers", g.adapted,
    (SELECT jsonb_build_object('outcome', a.outcome, 'failure', a.failure, 'response', a.response,
       'finishedAt', to_char(a.finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
     FROM attempts a WHERE a.delivery_id = d.id ORDER BY a.number DESC LIMIT 1) AS attempt
  FROM ${requestTables} LEFT JOIN groups g ON g.id = d.group_id WHERE d.id = $1::uuid`;

interface Deps {
  pool: Pick<Pool, "query">;
  rulebook: ReadRulebook;
}

/** By what was decided. */
interface Book extends Pick<Rulebook, "policy" | "policyVersion"> {
  type: NotificationType | null;
  statedPreferences: Preferences | null;
  preferencesVersion: number;
}

/**
 * The last decision about a delivery, made again for the record: rows keep what was decided and by which versions, and the
 * rest is as it was then, as far as that is still known. What waits to be decided about is decided as things stand now.
 * Null where there is no such delivery.
 */
export async function explainDelivery(
  { pool, rulebook }: Deps,
  id: string,
  now: Date,
): Promise<Explanation | null> {
  const { rows } = await pool.query<Row>(rowSql, [id]);
  const [row] = rows;
  if (!row) return null;
  const person = (await readRecipientStates(pool, [row.recipientId])).get(row.recipientId)!;
  const current = await rulebook();
  const recorded = row.decidedAt !== null && !isDecidedAnew(row);
  const at = recorded
    ? row.decidedAt!
    : new Date(Math.max(now.getTime(), row.dueAt?.getTime() ?? 0));
  const notes: string[] = [];
  const book = recorded
    ? await readBook(pool, row, current, notes)
    : {
        ...current,
        type: typeOf(row.typeId, current.types),
        statedPreferences: person.preferences,
        preferencesVersion: person.preferencesVersion,
      };
  const repeats = await readRepeats(
    pool,
    { id, typeCollapseKey: book.type?.collapseKey ?? null },
    {
      windowSeconds: book.policy.deduplicationSeconds,
      now: at,
      recordedBy: recorded ? at : "infinity",
    },
  );
  const kept = recorded ? keptOf(row) : null;
  if (recorded) noteWhatIsGone(notes, person, row, at);
  const factsWith = (waiting: DecisionInput["waiting"]) =>
    buildDecisionInput({
      now: at.getTime(),
      recipient: {
        ...person,
        ...asThen(person, row, at, recorded),
        preferences: book.statedPreferences,
      },
      suppression:
        person.suppressedAt !== null && (!recorded || person.suppressedAt <= at)
          ? person.suppression
          : null,
      delivery: { ...row, ...waiting },
      source: row,
      type: book.type,
      policy: book.policy,
      grants: grantsBefore(person, at),
      ahead: 0,
      ...repeats,
      load:
        row.adapted === null
          ? noLoad
          : {
              backlog: row.adapted === "backlog" ? book.policy.batching.underLoad.backlog : 0,
              delayMs:
                row.adapted === "delay" ? book.policy.batching.underLoad.delaySeconds * 1_000 : 0,
            },
    });
  const { facts, decision, consistent } = recorded
    ? remade(row, kept, factsWith)
    : made(factsWith(waitingNow(row)));
  const found = decisionJson(decision);
  if (!consistent)
    notes.push(`Made again today, the decision differs: ${wouldWords(found, person.timeZone)}.`);
  if (recorded && facts.waiting.reason !== null && facts.waiting.reason !== row.reason)
    notes.push(
      `How it had waited before is not kept. It is taken to have waited ${reasonWords[facts.waiting.reason]}.`,
    );
  const byChannel = isHeldByChannel(kept, facts, decision);
  if (byChannel)
    notes.push("More was held back from its channel than may be released at once: it has a turn.");
  const shown =
    consistent && !byChannel
      ? { ...found, ...(recorded && untilKept(row, found)) }
      : keptJson(row, kept!);
  return {
    delivery: publicId("delivery", row.id),
    source:
      row.campaignId === null
        ? publicId("notification", row.notificationId!)
        : publicId("campaign", row.campaignId),
    recipient: publicId("recipient", row.recipientId),
    summary: summaryOf(row, shown, recorded, at, person.timeZone),
    status: row.status,
    reason: row.reason,
    basis: recorded ? "record" : "now",
    asOf: at.toISOString(),
    versions: {
      policy: book.policyVersion,
      type: book.type?.version ?? null,
      preferences: book.preferencesVersion,
    },
    decision: shown,
    consistent,
    notes,
    rules: rulesJson(facts),
    group:
      row.groupId === null || row.groupKind === null
        ? null
        : {
            id: publicId("group", row.groupId),
            kind: row.groupKind,
            members: row.groupMembers!,
            closesAt: row.groupClosesAt!.toISOString(),
          },
    attempts: { count: row.attemptCount, last: row.attempt },
  };
}

/** It waits to be decided about anew: what was decided before is of no matter any more. */
const isDecidedAnew = ({ status, reason }: Row) =>
  status === "pending" &&
  (reason === null ||
    ["decide_again", "snoozed", "send_requested", "retry_requested"].includes(reason));

/** What the row says of its last decision; null where it has been overwritten since. */
type Kept = Pick<Decision, "kind"> & { reason: Reason | null };

function keptOf({ status, reason, attemptCount }: Row): Kept | null {
  // An outcome that nobody knows says nothing of what was decided last: whatever ends such a delivery, it ends so.
  if (status === "cancelled" || status === "unknown") return null;
  if (status === "suppressed") return { kind: "suppress", reason };
  if (reason === "batch" || reason === "digest") return { kind: "merge", reason };
  if ((heldReasons as readonly (Reason | null)[]).includes(reason)) return { kind: "hold", reason };
  const sent = attemptCount > 0 || status !== "pending" || reason?.startsWith("provider_");
  return sent ? { kind: "send", reason: null } : null;
}

const keptJson = (row: Row, kept: Kept) => ({
  kind: kept.kind,
  reason: kept.reason,
  until: null,
  adapted: null,
  ...untilKept(row, kept),
});

/** Until when it waits, as the row has it: its group may close earlier than it would have alone. */
const untilKept = ({ dueAt, status }: Row, { kind }: Pick<Decision, "kind">) =>
  status === "pending" && dueAt !== null && (kind === "hold" || kind === "merge")
    ? { until: dueAt.toISOString() }
    : {};

const waitingNow = (row: Row): DecisionInput["waiting"] => ({
  reason: row.reason,
  holdCount: row.holdCount,
  group: row.groupStatus === "closed" ? null : groupOf(row),
});

const groupOf = ({ groupKind, groupStatus, groupClosesAt }: Row) =>
  groupKind && { kind: groupKind, status: groupStatus!, closesAt: groupClosesAt!.getTime() };

interface Remade {
  facts: DecisionInput;
  decision: Decision;
  consistent: boolean;
}

const made = (facts: DecisionInput): Remade => ({
  facts,
  decision: decide(facts),
  consistent: true,
});

/**
 * The decision made again. How a row had waited before is not kept: of what may have been, the first under which the
 * decision is what it was.
 */
function remade(
  row: Row,
  kept: Kept | null,
  factsWith: (waiting: DecisionInput["waiting"]) => DecisionInput,
): Remade {
  // A row in a group has joined it by this decision, if that is what was decided.
  const group = kept?.kind === "merge" ? null : groupOf(row);
  const { quietHours, doNotDisturb } = factsWith({ reason: null, holdCount: 0, group }).preferences;
  const heldBack =
    row.attemptCount === 0 && quietHours.length + doNotDisturb.length > 0
      ? "quiet_hours"
      : "provider_unavailable";
  const before: (Reason | null)[] =
    kept !== null && row.holdCount > 1
      ? [kept.reason]
      : [null, heldBack, "best_hour", "send_requested"];
  const tried = before.map((reason) =>
    made(
      factsWith({
        reason,
        holdCount: reason === null ? 0 : Math.max(1, row.holdCount - 1),
        group,
      }),
    ),
  );
  const agrees = ({ facts, decision }: Remade) =>
    kept === null ||
    (decision.kind === kept.kind && reasonOf(decision) === kept.reason) ||
    isHeldByChannel(kept, facts, decision);
  const found = tried.find(agrees);
  return found ?? { ...tried[0]!, consistent: false };
}

/** It has its turn among all that was held back from its channel: which is no rule about its recipient. */
const isHeldByChannel = (kept: Kept | null, facts: DecisionInput, decision: Decision) =>
  kept?.reason === "smoothed_release" && decision.kind === "send" && isReleased(facts);

/** What was granted before an instant, as far as the log still has it. */
function grantsBefore({ grants: { granted, types } }: RecipientState, at: Date) {
  const count = granted.filter((granted) => granted < at.getTime()).length;
  return { granted: granted.slice(0, count), types: types.slice(0, count) };
}

/** Who was erased later was not then; of their address is known only whether there was none. */
const asThen = (
  { erasedAt, email }: RecipientState,
  { reason }: Row,
  at: Date,
  recorded: boolean,
) =>
  recorded && erasedAt !== null && erasedAt > at
    ? { erased: false, email: email ?? (reason === "no_address" ? null : "erased") }
    : {};

function noteWhatIsGone(notes: string[], person: RecipientState, row: Row, at: Date): void {
  const { granted } = person.grants;
  const keptFrom = (granted.at(-1) ?? 0) - longestWindowMs;
  // Nothing was granted to them before there were any.
  if (Math.max(at.getTime() - longestWindowMs, person.createdAt.getTime()) < keptFrom)
    notes.push(
      `What was granted to the recipient before ${new Date(keptFrom).toISOString()} may not be kept any more: limits may have been closer than they look.`,
    );
  if (person.erasedAt !== null && person.erasedAt > at)
    notes.push("The recipient has been erased since: their wishes and their address are gone.");
  else if (person.updatedAt > at)
    notes.push(
      "The recipient has been changed since: their address and time zone are taken as they are now.",
    );
  if (row.reason === "address_suppressed" && person.suppression === null)
    notes.push("The address is not on the suppression list any more.");
}

/** The versions that the row names, as they were. */
async function readBook(
  pool: Pick<Pool, "query">,
  row: Row,
  current: Rulebook,
  notes: string[],
): Promise<Book> {
  const { policyVersion, typeVersion, preferencesVersion } = row;
  const document = async (sql: string, values: unknown[]) =>
    (await pool.query<{ document: unknown }>(sql, values)).rows[0]?.document;
  const changes =
    policyVersion === 0
      ? undefined
      : await document("SELECT document FROM policy_versions WHERE version = $1", [policyVersion]);
  const definition =
    typeVersion === null
      ? undefined
      : await document(
          "SELECT document FROM notification_type_versions WHERE type_id = $1 AND version = $2",
          [row.typeId, typeVersion],
        );
  const statedPreferences =
    preferencesVersion === 0
      ? null
      : await document(
          "SELECT document FROM preference_versions WHERE recipient_id = $1 AND version = $2",
          [row.recipientId, preferencesVersion],
        );
  if (statedPreferences === undefined)
    notes.push("What the recipient had wished is not kept any more.");
  const type = typeOf(row.typeId, current.types);
  return {
    policy: changes === undefined ? defaultPolicy : buildPolicy(changes),
    policyVersion: policyVersion ?? 0,
    type:
      type === null || definition === undefined
        ? null
        : { ...type, ...typeDefinition.parse(definition), version: typeVersion! },
    statedPreferences: (statedPreferences as Preferences | null | undefined) ?? null,
    preferencesVersion: preferencesVersion ?? 0,
  };
}

function summaryOf(
  row: Row,
  decision: Explanation["decision"],
  recorded: boolean,
  at: Date,
  zone: string,
): string {
  const { status, reason, dueAt, finishedAt, attemptCount, groupMembers, attempt } = row;
  const why = reason === null ? "" : reasonWords[reason];
  const tries = attemptCount === 1 ? "1 attempt" : `${attemptCount} attempts`;
  switch (status) {
    case "sent":
    case "delivered": {
      const others = (groupMembers ?? 1) - 1;
      const company =
        others <= 0 ? "" : `, with ${others === 1 ? "another" : `${others} others`} as one message`;
      const when = finishedAt === null ? "" : ` at ${instantWords(finishedAt.getTime(), zone)}`;
      return `It was sent${when}${company}. No rule held it back any more.`;
    }
    case "sending":
      return "It is being handed over. No rule held it back any more.";
    case "suppressed":
      return `It was not sent: ${why}.`;
    case "failed":
      return `It failed after ${tries}: ${why}.${attempt?.response ? ` The last answer was: ${attempt.response}` : ""}`;
    case "unknown":
      return `It may have been sent: ${why}.`;
    case "cancelled":
      return `It was cancelled: ${why}.`;
    case "pending": {
      const due = dueAt === null ? "" : ` until ${instantWords(dueAt.getTime(), zone)}`;
      if (recorded) return `It waits${due}, ${why}.`;
      const waits =
        reason === null ? "It has not been decided about yet" : `It waits${due}, ${why}`;
      const then =
        reason === null && dueAt !== null && dueAt.getTime() === at.getTime()
          ? due.replace("until", "at")
          : "";
      return `${waits}. As things stand now,${then} ${wouldWords(decision, zone)}.`;
    }
  }
}
