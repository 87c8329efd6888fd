/**
 * How long ago a recipient last read or opened a message, followed a link in one, or acted on one: at most 30 days (`active`), at most 90 days (`cooling`), longer
 * (`dormant`), or `never`.
 */
export const engagementStates = ["active", "cooling", "dormant", "never"] as const;
export type EngagementState = (typeof engagementStates)[number];

/** The greatest number of days since the last engagement, by state. Days are those of UTC. */
export const engagedWithinDays = { active: 30, cooling: 90 } as const;
