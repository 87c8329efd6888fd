import type { Explanation } from "./answer.ts";
import { wouldWords } from "./decision-json.ts";
import type { ExplainedRow } from "./explained-row.ts";
import { instantWords, reasonWords } from "./reason-text.ts";

export function summaryOf(
  row: ExplainedRow,
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
