import type { LinkProps } from "@tanstack/react-router";
import { type Reason, reasonStatuses } from "../../domain/delivery/reasons.ts";
import type { Campaign } from "../campaigns/queries.ts";
import type { Health } from "../health/queries.ts";
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

/** Lists what needs attention, the worst first. */
export function listConcerns({
  health,
  providers,
  paused,
}: {
  health: Pick<Health, "waiting">;
  providers: readonly Provider[];
  paused: readonly Pick<Campaign, "id" | "name" | "pauseDetail">[];
}): Concern[] {
  const open = providers
    .filter(({ breaker }) => breaker.state !== "closed")
    .map(({ name, channel, breaker }): Concern => ({
      weight: breaker.state === "open" ? "poor" : "fair",
      title:
        breaker.state === "open"
          ? `The provider ${name} is not used`
          : `The provider ${name} is being tried again`,
      detail: breaker.reason,
      link: {
        to: "/deliveries",
        search: { status: ["pending"], channel: [channel as "email"], reason: [...faultReasons] },
      },
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
  const stopped = paused.map(({ id, name, pauseDetail }): Concern => ({
    weight: pauseDetail === null ? "fair" : "poor",
    title: `The campaign ${name} is paused${pauseDetail === null ? "" : " by Tidings"}`,
    detail: pauseDetail,
    link: { to: "/campaigns/$id", params: { id } },
  }));
  return [...open, ...waiting, ...stopped].sort(
    (a, b) => Number(b.weight === "poor") - Number(a.weight === "poor"),
  );
}

const waitWords: Partial<Record<Reason, string>> = {
  provider_unavailable: "for a provider to be available again",
  sender_refused: "because a provider refuses the sender",
  retry: "for another attempt",
};
