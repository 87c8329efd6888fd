import { decide } from "../../domain/policy/decide.ts";
import type { Decision, DecisionInput } from "../../domain/policy/decision.ts";
import { hasQuietTimes } from "../../domain/policy/quiet-hours.ts";
import { isReleased } from "../../domain/policy/rules.ts";
import { heldReasons, type Reason } from "../../domain/delivery/reasons.ts";
import { reasonOf } from "./decision-json.ts";
import type { ExplainedRow } from "./explained-row.ts";

/** What a row records about its last decision. */
export type RecordedDecision = Pick<Decision, "kind"> & { reason: Reason | null };

/** Reads the last decision from a row; null if the row no longer shows it. */
export function readRecordedDecision({
  status,
  reason,
  attemptCount,
}: ExplainedRow): RecordedDecision | null {
  // These statuses do not depend on the last decision: any delivery can be cancelled or get an unknown outcome.
  if (status === "cancelled" || status === "unknown") return null;
  if (status === "suppressed") return { kind: "suppress", reason };
  if (reason === "batch" || reason === "digest") return { kind: "merge", reason };
  if ((heldReasons as readonly (Reason | null)[]).includes(reason)) return { kind: "hold", reason };
  const sent = attemptCount > 0 || status !== "pending" || reason?.startsWith("provider_");
  return sent ? { kind: "send", reason: null } : null;
}

export const recordedDecisionJson = (row: ExplainedRow, recorded: RecordedDecision) => ({
  kind: recorded.kind,
  reason: recorded.reason,
  until: null,
  adapted: null,
  ...readRecordedWait(row, recorded),
});

/** Reads until when a row waits. It may be earlier than the repeated decision says, because the group of the row can close earlier. */
export const readRecordedWait = (
  { dueAt, status }: ExplainedRow,
  { kind }: Pick<Decision, "kind">,
) =>
  status === "pending" && dueAt !== null && (kind === "hold" || kind === "merge")
    ? { until: dueAt.toISOString() }
    : {};

export const readCurrentWait = (row: ExplainedRow): DecisionInput["waiting"] => ({
  reason: row.reason,
  holdCount: row.holdCount,
  group: row.groupStatus === "closed" ? null : readGroup(row),
});

const readGroup = ({ groupKind, groupStatus, groupClosesAt }: ExplainedRow) =>
  groupKind && { kind: groupKind, status: groupStatus!, closesAt: groupClosesAt!.getTime() };

interface RemadeDecision {
  facts: DecisionInput;
  decision: Decision;
  /** Whether it agrees with the recorded decision. */
  consistent: boolean;
}

export const makeDecision = (facts: DecisionInput): RemadeDecision => ({
  facts,
  decision: decide(facts),
  consistent: true,
});

/**
 * Repeats a recorded decision. Why the row waited before that decision is not recorded, so this tries the possible reasons and
 * returns the first result that agrees with the record, or an inconsistent one.
 */
export function remakeDecision(
  row: ExplainedRow,
  recorded: RecordedDecision | null,
  buildFacts: (waiting: DecisionInput["waiting"]) => DecisionInput,
): RemadeDecision {
  // If the decision was to merge, the row joined its group by that decision and had none before.
  const group = recorded?.kind === "merge" ? null : readGroup(row);
  const { preferences } = buildFacts({ reason: null, holdCount: 0, group });
  const heldBack =
    row.attemptCount === 0 && hasQuietTimes(preferences) ? "quiet_hours" : "provider_unavailable";
  const possibleReasons: (Reason | null)[] =
    recorded !== null && row.holdCount > 1
      ? [recorded.reason]
      : [null, heldBack, "best_hour", "send_requested"];
  const remade = possibleReasons.map((reason) =>
    makeDecision(
      buildFacts({
        reason,
        holdCount: reason === null ? 0 : Math.max(1, row.holdCount - 1),
        group,
      }),
    ),
  );
  const agrees = ({ facts, decision }: RemadeDecision) =>
    recorded === null ||
    (decision.kind === recorded.kind && reasonOf(decision) === recorded.reason) ||
    isHeldByChannel(recorded, facts, decision);
  return remade.find(agrees) ?? { ...remade[0]!, consistent: false };
}

/**
 * Whether a row waits for its turn among the deliveries that were held for its whole channel. The rules about its recipient say
 * `send` then, and still agree with the record.
 */
export const isHeldByChannel = (
  recorded: RecordedDecision | null,
  facts: DecisionInput,
  decision: Decision,
) => recorded?.reason === "smoothed_release" && decision.kind === "send" && isReleased(facts);
