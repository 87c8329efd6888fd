import type { Health } from "./health.ts";

/** The kinds of alerts to operators. */
export const alertKinds = [
  "campaign_paused",
  "campaign_stuck",
  "provider_down",
  "backlog",
  "database",
  "clock",
] as const;
export type AlertKind = (typeof alertKinds)[number];

/** Something that operators should know of. */
export interface AlertCause {
  kind: AlertKind;
  /** The public id of a campaign, or the name of a provider or a host; empty where there is only one. */
  subject: string;
  /** What was found, in a sentence without personal data. */
  detail: string;
}

/** How far the clock of a process may be off. The times in its logs and answers mislead beyond that. */
const toleratedClockMs = 2_000;

/** What one look at the system has found. */
export interface AlertFacts {
  /** Campaigns that Tidings has paused. */
  pausedCampaigns: readonly { id: string }[];
  /** Campaigns whose time has come, and whose audience is still not frozen ten minutes later. */
  stuckCampaigns: readonly { id: string }[];
  /** Providers whose circuit breaker is open, with their last failure. */
  openBreakers: readonly { provider: string; reason: string | null }[];
  health: Pick<Health, "indicators">;
  /** By how many milliseconds the clock of this process is ahead of the database's. */
  clockAheadMs: number;
  /** The name of the host of this process. */
  host: string;
}

/** Finds what operators should know of. Each cause has its kind and subject once. */
export function findAlertCauses(facts: AlertFacts): AlertCause[] {
  const { backlog, oldestDue } = facts.health.indicators;
  const late = [oldestDue, backlog].find(({ word }) => word === "poor");
  return [
    ...facts.pausedCampaigns.map(({ id }) => ({
      kind: "campaign_paused" as const,
      subject: id,
      detail:
        "Tidings paused the campaign, because a provider refused many of its messages in a row. Its page shows the last answer of the provider.",
    })),
    ...facts.stuckCampaigns.map(({ id }) => ({
      kind: "campaign_stuck" as const,
      subject: id,
      detail:
        "The campaign should have started more than ten minutes ago. Check that workers run and that Temporal answers.",
    })),
    ...facts.openBreakers.map(({ provider, reason }) => ({
      kind: "provider_down" as const,
      subject: provider,
      detail:
        `The provider is not used, because its calls fail. ${reason === null ? "" : `The last failure was: ${reason}`}`.trim(),
    })),
    ...(late
      ? [
          {
            kind: "backlog" as const,
            subject: "",
            detail: `${late.detail} Check that workers run and that Temporal answers.`,
          },
        ]
      : []),
    ...(Math.abs(facts.clockAheadMs) > toleratedClockMs
      ? [
          {
            kind: "clock" as const,
            subject: facts.host,
            detail: `The clock of this host is ${(Math.abs(facts.clockAheadMs) / 1_000).toFixed(1)} s ${facts.clockAheadMs > 0 ? "ahead of" : "behind"} the database’s. Check its time synchronisation.`,
          },
        ]
      : []),
  ];
}

/** The cause of an alert if the database does not accept writes, which therefore cannot be stored. */
export const databaseCause = (isUp: boolean): AlertCause => ({
  kind: "database",
  subject: "",
  detail: isUp
    ? "The database answers, but accepts no writes: its disk is full, or it is read-only. Nothing is accepted and nothing is sent until it accepts writes again."
    : "The database does not answer. Nothing is accepted and nothing is sent until it does.",
});

/** The title of an alert, and the path of the console where operators see more. */
export function describeAlert({ kind, subject }: Pick<AlertCause, "kind" | "subject">): {
  title: string;
  path: string;
} {
  switch (kind) {
    case "campaign_paused":
      return { title: "A campaign was paused", path: `/campaigns/${subject}` };
    case "campaign_stuck":
      return { title: "A campaign does not start", path: `/campaigns/${subject}` };
    case "provider_down":
      return { title: `The provider ${subject} is not used`, path: "/providers" };
    case "backlog":
      return { title: "Messages are late", path: "/queue" };
    case "database":
      return { title: "The database accepts no writes", path: "/health" };
    case "clock":
      return { title: `The clock of ${subject} is off`, path: "/health" };
  }
}
