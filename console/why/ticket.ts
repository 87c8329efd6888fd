import type { DeliveryDetails, Explanation } from "../deliveries/queries.ts";

/** Writes an explanation as plain text, for a support ticket. All instants are in UTC. */
export function describeForTicket(
  explanation: Explanation,
  attempts: DeliveryDetails["attempts"],
): string {
  const { delivery, source, recipient, status, reason, asOf, versions, notes, rules } = explanation;
  const decided = rules.find(({ outcome }) => outcome === "decided");
  return [
    explanation.summary,
    "",
    `Delivery ${delivery} of ${source} to ${recipient}`,
    `Status ${status}${reason === null ? "" : `, reason ${reason}`}`,
    ...(decided
      ? [
          `Decided by the rule ${decided.name}: ${decided.asks}`,
          ...Object.entries(decided.saw ?? {}).map(
            ([name, value]) => `  ${name}: ${JSON.stringify(value)}`,
          ),
          ...decided.preferences.map(
            ({ path, value, from }) => `  ${path}: ${JSON.stringify(value)} (set by ${from})`,
          ),
        ]
      : []),
    `As of ${asOf}, policy version ${versions.policy}, type version ${versions.type ?? "none"}, preferences version ${versions.preferences}`,
    ...notes.map((note) => `Note: ${note}`),
    ...attempts.map(
      ({ number, channel, provider, outcome, response, finishedAt }) =>
        `Attempt ${number} on ${channel} by ${provider ?? "an unknown provider"} at ${finishedAt}: ${outcome}${response === null ? "" : `, ${response}`}`,
    ),
  ].join("\n");
}
