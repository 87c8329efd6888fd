import type { LinkProps } from "@tanstack/react-router";
import { dayMs, hourMs } from "../../domain/time/durations.ts";
import { type Reason, reasonStatuses } from "../../domain/delivery/reasons.ts";
import type { Campaign } from "../campaigns/queries.ts";
import type { Health } from "../health/queries.ts";
import { formatDuration } from "../words/instants.ts";
import { formatNoun } from "../words/numbers.ts";

/** Something that a person should look at. */
export interface Concern {
  weight: "poor" | "fair";
  title: string;
  detail: string | null;
  /** Where it can be looked at. */
  link: LinkProps;
}

interface Provider {
  name: string;
  channel: string;
  breaker: { state: "closed" | "open" | "half_open"; reason: string | null };
}

/** Reasons to wait that point to a fault, and are neither a preference of the recipient nor a turn. */
const faultReasons: readonly Reason[] = ["provider_unavailable", "sender_refused", "retry"];

/** How long a pause lasts before it may have been forgotten. */
const longPauseMs = hourMs;
/** Digests are moved to their lanes on each quarter hour. */
const lateDigestSeconds = 1_200;
const soonMs = 14 * dayMs;

/** Lists what needs attention, the worst first. */
export function listConcerns({
  health,
  providers,
  paused,
  digests = [],
  keys = [],
  now,
}: {
  health: Pick<Health, "waiting">;
  providers: readonly Provider[];
  paused: readonly Pick<Campaign, "id" | "name" | "pauseDetail" | "updatedAt">[];
  digests?: readonly { oldestDueSeconds: number | null; due: number }[];
  keys?: readonly { name: string; state: string; expiresAt: string | null }[];
  now: Date;
}): Concern[] {
  const open = providers
    .filter(({ breaker }) => breaker.state !== "closed")
    .map(({ name, breaker }): Concern => ({
      weight: breaker.state === "open" ? "poor" : "fair",
      title:
        breaker.state === "open"
          ? `The provider ${name} is not used`
          : `The provider ${name} is being tried again`,
      detail: breaker.reason,
      link: { to: "/providers/$name", params: { name } },
    }));
  const waiting = faultReasons
    .filter((reason) => (health.waiting[reason] ?? 0) > 0)
    .map((reason): Concern => ({
      weight: reason === "retry" ? "fair" : "poor",
      title: `${formatNoun(health.waiting[reason]!, "delivery waits", "deliveries wait")} ${waitWords[reason]}`,
      detail: null,
      link: {
        to: "/deliveries",
        search: { status: [reasonStatuses[reason][0]!], reason: [reason] },
      },
    }));
  const stopped = paused
    .map((campaign) => ({ ...campaign, forMs: now.getTime() - Date.parse(campaign.updatedAt) }))
    .filter(({ pauseDetail, forMs }) => pauseDetail !== null || forMs > longPauseMs)
    .map(({ id, name, pauseDetail, forMs }): Concern => ({
      weight: pauseDetail === null ? "fair" : "poor",
      title: `The campaign ${name} is paused${pauseDetail === null ? "" : " by Tidings"}`,
      detail: pauseDetail ?? `It has not changed for ${formatDuration(forMs / 1_000)}.`,
      link: { to: "/campaigns/$id", params: { id } },
    }));
  const late = digests
    .filter(({ oldestDueSeconds }) => (oldestDueSeconds ?? 0) > lateDigestSeconds)
    .map(({ due, oldestDueSeconds }): Concern => ({
      weight: "poor",
      title: `${formatNoun(due, "delivery", "deliveries")} in digests should have been sent`,
      detail: `The oldest has been due for ${formatDuration(oldestDueSeconds!)}.`,
      link: { to: "/deliveries", search: { status: ["pending"], reason: ["digest"] } },
    }));
  const expiring = keys.flatMap(({ name, state, expiresAt }): Concern[] => {
    const leftMs = expiresAt === null ? Infinity : Date.parse(expiresAt) - now.getTime();
    return state !== "active" || leftMs > soonMs
      ? []
      : [
          {
            weight: "fair",
            title: `The API key ${name} expires in ${formatDuration(leftMs / 1_000)}`,
            detail: "Programs that use it are refused from then on.",
            link: { to: "/settings", search: { tab: "keys" } },
          },
        ];
  });
  return [...open, ...late, ...waiting, ...stopped, ...expiring].sort(
    (a, b) => Number(b.weight === "poor") - Number(a.weight === "poor"),
  );
}

const waitWords: Partial<Record<Reason, string>> = {
  provider_unavailable: "for a provider to be available again",
  sender_refused: "because a provider refuses the sender",
  retry: "for another attempt",
};
