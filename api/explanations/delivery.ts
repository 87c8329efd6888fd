import type { Pool } from "pg";
import type { ReadRulebook } from "../../ledger/rulebook.ts";
import { noLoad } from "../../domain/policy/batching.ts";
import type { DecisionInput } from "../../domain/policy/decision.ts";
import { buildDecisionInput } from "../../domain/policy/decision-input.ts";
import { publicId } from "../../domain/ids.ts";
import { readRecipientStates, typeOf } from "../../ledger/recipient-snapshot.ts";
import { readRepeats } from "../../ledger/repeats.ts";
import type { Explanation } from "./answer.ts";
import { decisionJson, describeDecision, rulesJson } from "./decision-json.ts";
import { executeOn } from "../../ledger/sql.ts";
import { createStages } from "../../ledger/stages.ts";
import { readStops } from "../../ledger/stops.ts";
import { explainRoute } from "./explain-route.ts";
import { type ExplainedRow, rowSql } from "./explained-row.ts";
import {
  noteLostFacts,
  readRecordedRules,
  restoreErased,
  selectGrants,
  stageAsDecided,
} from "./past-state.ts";
import { reasonTexts } from "./reason-text.ts";
import {
  isHeldByChannel,
  makeDecision,
  readCurrentWait,
  readRecordedDecision,
  readRecordedWait,
  recordedDecisionJson,
  remakeDecision,
} from "./remake.ts";
import { describeStops, summarise } from "./summary.ts";

interface Deps {
  pool: Pick<Pool, "query">;
  rulebook: ReadRulebook;
}

/**
 * Explains a delivery by repeating its last decision. Its row records the decision and the versions of the rules; the other facts
 * are restored as they were then, as far as they are still known. A delivery that awaits a decision is decided on the current facts.
 * Resolves with null if there is no such delivery.
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
  const recorded = row.decidedAt !== null && !awaitsDecision(row);
  const at = recorded
    ? row.decidedAt!
    : new Date(Math.max(now.getTime(), row.dueAt?.getTime() ?? 0));
  const notes: string[] = [];
  const ruleset = recorded
    ? await readRecordedRules(pool, row, current, notes)
    : {
        ...current,
        type: typeOf(row.typeId, current.types),
        statedPreferences: person.preferences,
        preferencesVersion: person.preferencesVersion,
      };
  const recordedDecision = recorded ? readRecordedDecision(row) : null;
  const found = (await createStages(pool).of([row], recorded ? at : undefined))(row);
  const stage = recordedDecision ? stageAsDecided(found, recordedDecision, notes) : found;
  const repeats = await readRepeats(
    pool,
    { id, typeCollapseKey: ruleset.type?.collapseKey ?? null },
    {
      windowSeconds: ruleset.policy.deduplicationSeconds,
      now: at,
      recordedBy: recorded ? at : "infinity",
    },
  );
  if (recorded) noteLostFacts(notes, person, row, at);
  const buildFacts = (waiting: DecisionInput["waiting"]) =>
    buildDecisionInput({
      now: at.getTime(),
      recipient: {
        ...person,
        ...(recorded && restoreErased(person, row, at)),
        preferences: ruleset.statedPreferences,
      },
      suppression:
        row.channel === "email" &&
        person.suppressedAt !== null &&
        (!recorded || person.suppressedAt <= at)
          ? person.suppression
          : null,
      delivery: {
        ...row,
        ...waiting,
        stage: stage?.stage.after ? { ...stage.stage.after, earlier: stage.earlier } : null,
        topic: row.topic && {
          ...row.topic,
          // Whether they were subscribed then shows in the decision.
          ...(recorded && { isSubscribed: row.reason !== "not_subscribed" }),
        },
      },
      source: row,
      type: ruleset.type,
      policy: ruleset.policy,
      grants: selectGrants(person, at),
      ahead: 0,
      ...repeats,
      load:
        row.adapted === null
          ? noLoad
          : {
              backlog: row.adapted === "backlog" ? ruleset.policy.batching.underLoad.backlog : 0,
              delayMs:
                row.adapted === "delay"
                  ? ruleset.policy.batching.underLoad.delaySeconds * 1_000
                  : 0,
            },
    });
  const { facts, decision, consistent } = recorded
    ? remakeDecision(row, recordedDecision, buildFacts)
    : makeDecision(buildFacts(readCurrentWait(row)));
  const repeated = decisionJson(decision);
  if (!consistent)
    notes.push(
      `Repeated today, the decision is a different one: ${describeDecision(repeated, person.timeZone)}.`,
    );
  if (recorded && facts.waiting.reason !== null && facts.waiting.reason !== row.reason)
    notes.push(
      `Why it waited before this decision is not recorded. The explanation assumes that it waited ${reasonTexts[facts.waiting.reason]}.`,
    );
  const byChannel = isHeldByChannel(recordedDecision, facts, decision);
  if (byChannel)
    notes.push(
      "More deliveries of its channel were held than may be released at once, so it waits for its turn.",
    );
  const shown =
    consistent && !byChannel
      ? { ...repeated, ...(recorded && readRecordedWait(row, repeated)) }
      : recordedDecisionJson(row, recordedDecision!);
  const isOpen = row.status === "pending" || row.status === "sending";
  const stops = isOpen ? await readStops(executeOn(pool), [row.channel]) : [];
  return {
    delivery: publicId("delivery", row.id),
    source:
      row.campaignId === null
        ? publicId("notification", row.notificationId!)
        : publicId("campaign", row.campaignId),
    recipient: publicId("recipient", row.recipientId),
    summary:
      summarise(row, shown, recorded, at, person.timeZone) + describeStops(stops, person.timeZone),
    status: row.status,
    reason: row.reason,
    basis: recorded ? "record" : "now",
    asOf: at.toISOString(),
    versions: {
      policy: ruleset.policyVersion,
      type: ruleset.type?.version ?? null,
      preferences: ruleset.preferencesVersion,
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
    route: explainRoute(row, stage, person, facts),
    stops: stops.map(({ gate, since, until, reason, by }) => ({
      gate,
      since: since.toISOString(),
      until: until.toISOString(),
      reason,
      by,
    })),
    attempts: { count: row.attemptCount, last: row.attempt },
  };
}

/** Whether a delivery awaits a new decision, so that its last one no longer matters. */
const awaitsDecision = ({ status, reason }: ExplainedRow) =>
  status === "pending" &&
  (reason === null ||
    ["decide_again", "next_channel", "snoozed", "send_requested", "retry_requested"].includes(
      reason,
    ));
