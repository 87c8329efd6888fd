/*
 * Every statement that ends deliveries deletes them from `open_deliveries`, and uses `endDeliveries` to write them to `ended_deliveries`.
 * A consequence of an end that belongs into the same statement is added here and nowhere else.
 */

/** The columns that both tables of deliveries have. */
const sharedColumns = [
  "id",
  "campaign_id",
  "notification_id",
  "recipient_id",
  "leg",
  "channel",
  "priority",
  "queue",
  "created_at",
  "forgiven_count",
  "revision",
  "hold_count",
  "decided_at",
  "policy_version",
  "type_version",
  "preferences_version",
  "template_version_id",
];

/** How deliveries end: SQL over the columns of the deleted rows. */
interface End {
  status: string;
  reason: string;
  detail?: string;
  attemptCount?: string;
  groupId?: string;
  /** The last attempt, where the deliveries end with one. */
  attempt?: Record<
    "provider" | "outcome" | "failure" | "response" | "startedAt" | "finishedAt",
    string
  >;
}

/**
 * The common table expression `ended`. The expression `taken` before it must have deleted rows of `open_deliveries`, and returned all their
 * columns with the other values that `End` uses.
 */
export const endDeliveries = (
  taken: string,
  { status, reason, detail, attemptCount = "attempt_count", groupId = "group_id", attempt }: End,
) => {
  const written = {
    status,
    reason,
    detail: detail ?? "NULL",
    attempt_count: attemptCount,
    group_id: groupId,
    finished_at: "ledger_now()",
    ...(attempt && {
      provider: attempt.provider,
      outcome: attempt.outcome,
      failure: attempt.failure,
      response: attempt.response,
      attempt_started_at: attempt.startedAt,
      attempt_finished_at: attempt.finishedAt,
    }),
  };
  const shared = sharedColumns.join(", ");
  return `ended AS (
    INSERT INTO ended_deliveries (${shared}, ${Object.keys(written).join(", ")})
    SELECT ${shared}, ${Object.values(written).join(", ")} FROM ${taken}
    RETURNING id, campaign_id, notification_id, recipient_id, leg, status, queue, group_id
  )`;
};

/** The SQL that writes reopened deliveries, from rows that were deleted from `ended_deliveries`. */
export const reopenDeliveries = (
  taken: string,
  open: { dueAt: string; reason: string; forgivenCount: string; templateVersionId: string },
) => {
  const kept = [
    ...sharedColumns.filter((name) => !["forgiven_count", "template_version_id"].includes(name)),
    "attempt_count",
    "group_id",
  ].join(", ");
  return `INSERT INTO open_deliveries (${kept}, due_at, reason, forgiven_count, template_version_id)
    SELECT ${kept}, ${open.dueAt}, ${open.reason}, ${open.forgivenCount}, ${open.templateVersionId} FROM ${taken}`;
};
