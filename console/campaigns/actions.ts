import type { CampaignStatus } from "../../domain/campaign.ts";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";
import type { Campaign } from "./queries.ts";
import type { IconName } from "../parts/icon.tsx";

/** What a person can do with a campaign. */
export type CampaignVerb = "start" | "pause" | "resume" | "cancel";

export const campaignVerbs: Record<
  CampaignVerb,
  { name: string; past: string; icon: IconName; from: readonly CampaignStatus[] }
> = {
  start: { name: "Start", past: "starts", icon: "play", from: ["draft", "scheduled"] },
  pause: { name: "Pause", past: "is paused", icon: "pause", from: ["scheduled", "running"] },
  resume: { name: "Resume", past: "continues", icon: "play", from: ["paused"] },
  cancel: {
    name: "Stop",
    past: "is stopped",
    icon: "stop",
    from: ["draft", "scheduled", "running", "paused"],
  },
};

/** The verbs that a campaign of a status allows. */
export const verbsOf = (status: CampaignStatus) =>
  (Object.keys(campaignVerbs) as CampaignVerb[]).filter((verb) =>
    campaignVerbs[verb].from.includes(status),
  );

/**
 * Applies a verb to a campaign.
 * @param key the same for every repeat of one click, so that it takes effect once
 */
export async function applyVerb(verb: CampaignVerb, id: string, key: string): Promise<void> {
  const request = { param: { id }, header: { "idempotency-key": key } };
  switch (verb) {
    case "start":
      return void (await answerOf(api.v1.campaigns[":id"].start.$post(request)));
    case "pause":
      return void (await answerOf(api.v1.campaigns[":id"].pause.$post(request)));
    case "resume":
      return void (await answerOf(api.v1.campaigns[":id"].resume.$post(request)));
    case "cancel":
      return void (await answerOf(api.v1.campaigns[":id"].cancel.$post(request)));
  }
}

/** Creates a draft with the same message and audience. Resolves with its id. */
export async function duplicate(campaign: Campaign, key: string): Promise<string> {
  const { template, audience, data, type, priority, route, guarantee, throttle, email } = campaign;
  // The answer of the API has the audience as the request had it.
  const json = {
    name: `Copy of ${campaign.name}`.slice(0, 200),
    template,
    audience,
    data,
    type,
    priority,
    route,
    guarantee,
    throttle,
    email,
  } as Parameters<typeof api.v1.campaigns.$post>[0]["json"];
  const created = await answerOf(
    api.v1.campaigns.$post({ json, header: { "idempotency-key": key } }),
  );
  return created.id;
}
