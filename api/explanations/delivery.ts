import type { Pool } from "pg";
import type { ReadRulebook } from "../../ledger/rulebook.ts";
import { noLoad } from "../../domain/policy/batching.ts";
import type { DecisionInput } from "../../domain/policy/decision.ts";
import { buildDecisionInput } from "../../domain/policy/decision-input.ts";
import { publicId } from "../../domain/ids.ts";
import { readRecipientStates, typeOf } from "../../ledger/recipient-snapshot.ts";
import { readRepeats } from "../../ledger/repeats.ts";
import type { Explanation } from "./answer.ts";
import { decisionJson, rulesJson, wouldWords } from "./decision-json.ts";
import { type ExplainedRow, rowSql } from "./explained-row.ts";
import { asThen, grantsBefore, noteWhatIsGone, readBook } from "./past-state.ts";
import { reasonWords } from "./reason-text.ts";
import {
  isHeldByChannel,
  keptJson,
  keptOf,
  made,
  remade,
  untilKept,
  waitingNow,
} from "./remake.ts";
import { summaryOf } from "./summary.ts";

interface Deps {
  pool: Pick<Pool, "query">;
  rulebook: ReadRulebook;
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
  const { rows } = await pool.query<ExplainedRow>(rowSql, [id]);
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
const isDecidedAnew = ({ status, reason }: ExplainedRow) =>
  status === "pending" &&
  (reason === null ||
    ["decide_again", "snoozed", "send_requested", "retry_requested"].includes(reason));
