/** Ways to reach people. Messages go out by email so far. */
export const channels = ["email", "push", "in_app", "sms", "webhook"] as const;
export type Channel = (typeof channels)[number];
