import type { LinkProps } from "@tanstack/react-router";
import type { AnswerOf } from "tidings/client";
import type { api } from "../api/client.ts";
import type { Health } from "../health/queries.ts";

type Provider = AnswerOf<typeof api.v1.providers.$get>["items"][number];
type Gate = AnswerOf<typeof api.v1.gates.$get>["items"][number];

/** Something that keeps deliveries waiting. */
export interface Cause {
  key: string;
  /** A sentence. */
  text: string;
  /** When it ends by itself; null if that is not known. */
  until: string | null;
  /** When a provider is tried again. */
  triedAt?: string | null;
  /** Where the cause, or what it holds back, is shown, and its name. */
  link: (LinkProps & { name: string }) | null;
}

const linkOfProvider = (name: string): Cause["link"] => ({
  name: `The provider ${name}`,
  to: "/providers/$name",
  params: { name },
});

/** Where the limits of a gate are shown: with its provider or campaign, otherwise in the list of the channels. */
function linkOfGate({ kind, name }: Gate): Cause["link"] {
  if (kind === "provider") return linkOfProvider(name);
  return kind === "campaign"
    ? { name: "The campaign", to: "/campaigns/$id", params: { id: name } }
    : { name: "Channels and providers", to: "/providers" };
}

/** Lists what keeps deliveries waiting beyond their time: breakers, gates and quotas, paused campaigns, and limits of recipients. */
export function explainBacklog({
  providers,
  gates,
  pausedCampaigns,
  health,
}: {
  providers: readonly Provider[];
  gates: readonly Gate[];
  pausedCampaigns: number;
  health: Health | undefined;
}): Cause[] {
  const causes: Cause[] = [];
  for (const { name, breaker } of providers)
    if (breaker.state !== "closed")
      causes.push({
        key: `breaker ${name}`,
        text: `The provider ${name} is ${breaker.state === "open" ? "not used, because it failed too often" : "being tried again"}.${breaker.reason === null ? "" : ` Its last failure: ${breaker.reason}`}`,
        until: null,
        triedAt: breaker.nextTrialAt,
        link: linkOfProvider(name),
      });
  for (const gate of gates) {
    const what = `${gate.kind} ${gate.name}`;
    if (gate.shutUntil !== null)
      causes.push({
        key: `shut ${what}`,
        text: `Messages of the ${what} are paused.${gate.shutReason === null ? "" : ` The reason: ${gate.shutReason}`}`,
        until: gate.shutUntil,
        link: linkOfGate(gate),
      });
    if (gate.dailyQuota !== null && gate.usedToday >= gate.dailyQuota)
      causes.push({
        key: `day ${what}`,
        text: `The ${what} has used its daily quota of ${gate.dailyQuota.toLocaleString("en")}.`,
        until: gate.dayResetsAt,
        link: linkOfGate(gate),
      });
    else if (gate.hourlyQuota !== null && gate.usedThisHour >= gate.hourlyQuota)
      causes.push({
        key: `hour ${what}`,
        text: `The ${what} has used its hourly quota of ${gate.hourlyQuota.toLocaleString("en")}.`,
        until: gate.hourResetsAt,
        link: linkOfGate(gate),
      });
  }
  if (pausedCampaigns > 0)
    causes.push({
      key: "paused",
      text:
        pausedCampaigns === 1
          ? "1 campaign is paused, so its deliveries wait."
          : `${pausedCampaigns} campaigns are paused, so their deliveries wait.`,
      until: null,
      link: { name: "Paused campaigns", to: "/campaigns", search: { status: ["paused"] } },
    });
  const limits = health?.indicators.limits;
  if (limits && (limits.value ?? 0) > 0)
    causes.push({
      key: "limits",
      text: limits.detail,
      until: null,
      link: {
        name: "What waits for these limits",
        to: "/queue",
        search: { reason: ["recipient_limit", "type_limit"] },
      },
    });
  return causes;
}
