import type { Health } from "./health.ts";
import {
  describeClock,
  findMissed,
  goneAfterMs,
  isClockOff,
  isGone,
  kindWords,
  type ReportedProcess,
} from "./processes.ts";
import { formatCount } from "./quantities.ts";
import { type DisabledReason, endpointFailingDays } from "./webhook-endpoint.ts";

/** The kinds of alerts to operators. */
export const alertKinds = [
  "campaign_paused",
  "campaign_stuck",
  "provider_down",
  "backlog",
  "database",
  "clock",
  "no_worker",
  "process_gone",
  "webhook_off",
] as const;
export type AlertKind = (typeof alertKinds)[number];

/** Something that operators should know of. */
export interface AlertCause {
  kind: AlertKind;
  /** The public id of a campaign or a webhook endpoint, or the name of a provider or a host; empty where there is only one. */
  subject: string;
  /** What was found, in a sentence without personal data. */
  detail: string;
}

/** The kinds of alerts of processes that are absent, which a process cannot judge that has itself just started. */
export const absenceKinds: readonly AlertKind[] = ["no_worker", "process_gone"];

/** What one look at the system has found. */
export interface AlertFacts {
  /** Campaigns that Tidings has paused. */
  pausedCampaigns: readonly { id: string }[];
  /** Campaigns whose time has come, and whose audience is still not frozen ten minutes later. */
  stuckCampaigns: readonly { id: string }[];
  /** Providers whose circuit breaker is open, with their last failure. */
  openBreakers: readonly { provider: string; reason: string | null }[];
  /** Webhook endpoints that Tidings has switched off. */
  endpointsOff: readonly { id: string; reason: DisabledReason }[];
  health: Pick<Health, "indicators">;
  /** How long the oldest due delivery, also of a campaign, has been due; 0 if none is. */
  oldestDueSeconds: number;
  /** The processes, those that were seen last first. */
  processes: readonly ReportedProcess[];
  /** Whether processes have had enough time to report themselves, so that one that has not is absent. */
  isAbsenceKnown: boolean;
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
    ...facts.endpointsOff.map(({ id, reason }) => ({
      kind: "webhook_off" as const,
      subject: id,
      detail:
        reason === "gone"
          ? "The endpoint answered 410 Gone, so that no more events are sent to it. Correct its URL and switch it on, or delete it."
          : `The endpoint has accepted no events for ${endpointFailingDays} days, so that none are sent to it any more. Its log shows why. Switch it on when it works, and replay what it has missed.`,
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
    ...findClocksOff(facts.processes),
    ...(facts.isAbsenceKnown ? [...findNoWorker(facts), ...findVanished(facts.processes)] : []),
  ];
}

/** Finds the hosts whose clocks are off. Containers of one host may have one name, so the clock that differs most is described. */
function findClocksOff(processes: readonly ReportedProcess[]): AlertCause[] {
  const off = processes
    .filter((process) => !isGone(process) && isClockOff(process.clockAheadMs))
    .toSorted((one, other) => Math.abs(one.clockAheadMs) - Math.abs(other.clockAheadMs));
  return [...new Map(off.map((process) => [process.host, process])).values()].map(
    ({ host, clockAheadMs }) => ({
      kind: "clock",
      subject: host,
      detail: `The clock of this host is ${describeClock(clockAheadMs)}. Check its time synchronisation.`,
    }),
  );
}

/**
 * Finds that no worker is alive. Where workers have stopped properly, or none has started yet, nobody needs to know until a delivery has waited
 * for one.
 */
function findNoWorker({
  processes,
  oldestDueSeconds,
}: Pick<AlertFacts, "processes" | "oldestDueSeconds">): AlertCause[] {
  const workers = processes.filter(({ kind }) => kind === "worker");
  const isWaiting = oldestDueSeconds * 1_000 >= goneAfterMs;
  if (workers.some((worker) => !isGone(worker)) || (workers.length === 0 && !isWaiting)) return [];
  const last = workers[0] ? ` The log of the last one, on ${workers[0].host}, may show why.` : "";
  const detail = `No worker has been alive for a minute, so that nothing is sent. Start one.${last}`;
  return [{ kind: "no_worker", subject: "", detail }];
}

/** Finds the hosts on which processes have vanished, so that the end of a host is one alert. */
function findVanished(processes: readonly ReportedProcess[]): AlertCause[] {
  const allMissed = findMissed(processes);
  return [...new Set(allMissed.map(({ host }) => host))].map((host) => {
    const missed = allMissed.filter((process) => process.host === host);
    const names = missed.map(({ kind, pid }) => `${kindWords[kind]} ${pid}`).join(", ");
    const what = formatCount(missed.length, "process", "processes");
    return {
      kind: "process_gone",
      subject: host,
      detail: `${what} of this host ended without stopping properly: ${names}. Memory may have run out, or the host or its network is down.`,
    };
  });
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
    case "no_worker":
      return { title: "No worker is running", path: "/health" };
    case "process_gone":
      return { title: `A process on ${subject} has vanished`, path: "/health" };
    case "webhook_off":
      return {
        title: "A webhook endpoint was switched off",
        path: `/settings?tab=webhooks&endpoint=${subject}`,
      };
  }
}
