import type { Stop } from "../../ledger/stops.ts";
import type { Explanation } from "./answer.ts";
import { describeDecision } from "./decision-json.ts";
import type { ExplainedRow } from "./explained-row.ts";
import { describeInstant, reasonTexts } from "./reason-text.ts";

/**
 * Summarises an explanation in one or two sentences, and one for each channel that the delivery left during an outage.
 * @param recorded whether the decision is the recorded one; if not, it was made for the instant `at` on the current facts
 */
export function summarise(
  row: ExplainedRow,
  decision: Explanation["decision"],
  recorded: boolean,
  at: Date,
  zone: string,
): string {
  const outages = row.outages.map(
    ({ channel, since }) =>
      ` It left the channel \`${channel}\`, which had been out of service since ${describeInstant(Date.parse(since), zone)}.`,
  );
  return describeState(row, decision, recorded, at, zone) + outages.join("");
}

/** A sentence for each stop, with a space before it. */
export const describeStops = (stops: readonly Stop[], zone: string): string =>
  stops
    .map(
      ({ gate, until }) =>
        ` An operator has stopped \`${gate}\` until ${describeInstant(until.getTime(), zone)}.`,
    )
    .join("");

function describeState(
  row: ExplainedRow,
  decision: Explanation["decision"],
  recorded: boolean,
  at: Date,
  zone: string,
): string {
  const { status, reason, dueAt, finishedAt, attemptCount, groupMembers } = row;
  const why = reason === null ? "" : reasonTexts[reason];
  const tries = attemptCount === 1 ? "1 attempt" : `${attemptCount} attempts`;
  switch (status) {
    case "sent":
    case "delivered": {
      const others = (groupMembers ?? 1) - 1;
      const companions =
        others <= 0
          ? ""
          : `, with ${others === 1 ? "1 other delivery" : `${others} other deliveries`} as one message`;
      const when = finishedAt === null ? "" : ` at ${describeInstant(finishedAt.getTime(), zone)}`;
      return `It was sent${when}${companions}. No rule held it back any more.`;
    }
    case "sending":
      return "It is being handed over. No rule holds it back any more.";
    case "suppressed":
      return `It was not sent: ${why}.`;
    case "failed":
      return `It failed ${attemptCount === 0 ? "before the first attempt" : `after ${tries}`}: ${why}.${quoteCause(row)}`;
    case "unknown":
      return `It may have been sent: ${why}.`;
    case "cancelled":
      return `It was cancelled: ${why}.`;
    case "pending": {
      const due = dueAt === null ? "" : ` until ${describeInstant(dueAt.getTime(), zone)}`;
      if (recorded) return `It waits${due}, ${why}.`;
      const isLater = dueAt !== null && dueAt.getTime() === at.getTime();
      if (reason === null) {
        const then = isLater ? due.replace("until", "at") : "";
        return `It has no decision yet. As things stand now,${then} ${describeDecision(decision, zone)}.`;
      }
      return `It waits${due}, ${why}. As things stand now, ${describeDecision(decision, zone, { isLater })}.`;
    }
  }
}

/**
 * Quotes why a delivery failed: the error of a message that could not be rendered, otherwise the last answer of the provider. The error
 * says so if the template version is paused because earlier messages of it exceeded the limits of rendering.
 */
function quoteCause({ reason, detail, attempt }: ExplainedRow): string {
  if (reason === "template_error") return detail === null ? "" : ` The error was: ${detail}`;
  return attempt?.response ? ` The last answer was: ${attempt.response}` : "";
}
