import { decide } from "../../domain/policy/decide.ts";
import type { Decision, DecisionInput } from "../../domain/policy/decision.ts";
import { isReleased } from "../../domain/policy/rules.ts";
import { heldReasons, type Reason } from "../../domain/delivery/reasons.ts";
import { reasonOf } from "./decision-json.ts";
import type { ExplainedRow } from "./explained-row.ts";

/** What the row says of its last decision; null where it has been overwritten since. */
type Kept = Pick<Decision, "kind"> & { reason: Reason | null };

export function keptOf({ status, reason, attemptCount }: ExplainedRow): Kept | null {
  // An outcome that nobody knows says nothing of what was decided last: whatever ends such a delivery, it ends so.
  if (status === "cancelled" || status === "unknown") return null;
  if (status === "suppressed") return { kind: "suppress", reason };
  if (reason === "batch" || reason === "digest") return { kind: "merge", reason };
  if ((heldReasons as readonly (Reason | null)[]).includes(reason)) return { kind: "hold", reason };
  const sent = attemptCount > 0 || status !== "pending" || reason?.startsWith("provider_");
  return sent ? { kind: "send", reason: null } : null;
}

export const keptJson = (row: ExplainedRow, kept: Kept) => ({
  kind: kept.kind,
  reason: kept.reason,
  until: null,
  adapted: null,
  ...untilKept(row, kept),
});

/** Until when it waits, as the row has it: its group may close earlier than it would have alone. */
export const untilKept = ({ dueAt, status }: ExplainedRow, { kind }: Pick<Decision, "kind">) =>
  status === "pending" && dueAt !== null && (kind === "hold" || kind === "merge")
    ? { until: dueAt.toISOString() }
    : {};

export const waitingNow = (row: ExplainedRow): DecisionInput["waiting"] => ({
  reason: row.reason,
  holdCount: row.holdCount,
  group: row.groupStatus === "closed" ? null : groupOf(row),
});

const groupOf = ({ groupKind, groupStatus, groupClosesAt }: ExplainedRow) =>
  groupKind && { kind: groupKind, status: groupStatus!, closesAt: groupClosesAt!.getTime() };

interface Remade {
  facts: DecisionInput;
  decision: Decision;
  consistent: boolean;
}

export const made = (facts: DecisionInput): Remade => ({
  facts,
  decision: decide(facts),
  consistent: true,
});

/**
 * The decision made again. How a row had waited before is not kept: of what may have been, the first under which the
 * decision is what it was.
 */
export function remade(
  row: ExplainedRow,
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
export const isHeldByChannel = (kept: Kept | null, facts: DecisionInput, decision: Decision) =>
  kept?.reason === "smoothed_release" && decision.kind === "send" && isReleased(facts);
