import type { CampaignStatus } from "../../domain/campaign.ts";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";
import type { Campaign } from "./queries.ts";
import type { IconName } from "../parts/icon.tsx";

/** What a person can do with a campaign. */
export type CampaignVerb = "start" | "pause" | "resume" | "cancel";

export const campaignVerbs: Record<
  CampaignVerb,
  {
    name: string;
    /** What has happened, after the name of the campaign. */
    past: string;
    /** What is done with several campaigns. */
    can: string;
    icon: IconName;
    from: readonly CampaignStatus[];
    effect: string;
    /** The verb that takes it back; null if nothing does. */
    inverse: CampaignVerb | null;
  }
> = {
  start: {
    name: "Start",
    past: "starts",
    can: "can be started",
    icon: "play",
    from: ["draft", "scheduled"],
    effect: "Its audience is frozen, and its messages are sent to everybody in it.",
    inverse: null,
  },
  pause: {
    name: "Pause",
    past: "is paused",
    can: "can be paused",
    icon: "pause",
    from: ["scheduled", "running"],
    effect:
      "No further message is handed over. Those that are being handed over are still sent. Resume continues where it stopped.",
    inverse: "resume",
  },
  resume: {
    name: "Resume",
    past: "continues",
    can: "can be resumed",
    icon: "play",
    from: ["paused"],
    effect: "Messages are handed over again, from where the campaign was paused.",
    inverse: "pause",
  },
  cancel: {
    name: "Stop",
    past: "is stopped",
    can: "can be stopped",
    icon: "stop",
    from: ["draft", "scheduled", "running", "paused"],
    effect:
      "Waiting deliveries are cancelled for good. Messages that are being handed over are still sent. To stop for a while, pause instead.",
    inverse: null,
  },
};

/** Whether a campaign of a status allows a verb. */
export const allows = (status: CampaignStatus, verb: CampaignVerb) =>
  campaignVerbs[verb].from.includes(status);

/** The verbs that a campaign of a status allows. */
export const verbsOf = (status: CampaignStatus) =>
  (Object.keys(campaignVerbs) as CampaignVerb[]).filter((verb) => allows(status, verb));

/**
 * Applies a verb to a campaign.
 * @param key the same for every repeat of one click, so that it takes effect once
 */
export async function applyVerb(verb: CampaignVerb, id: string, key: string): Promise<void> {
  const request = { param: { id }, header: { "idempotency-key": key } };
  switch (verb) {
    case "start":
      return void (await answerOf(api.v1.campaigns[":id"].start.$post({ ...request, json: {} })));
    case "pause":
      return void (await answerOf(api.v1.campaigns[":id"].pause.$post(request)));
    case "resume":
      return void (await answerOf(api.v1.campaigns[":id"].resume.$post(request)));
    case "cancel":
      return void (await answerOf(api.v1.campaigns[":id"].cancel.$post(request)));
  }
}

/** Creates a draft with the same message and audience. Resolves with its id. */
export async function duplicate({ id, name }: Campaign, key: string): Promise<string> {
  const created = await answerOf(
    api.v1.campaigns[":id"].duplicate.$post({
      param: { id },
      json: { name: `Copy of ${name}`.slice(0, 200) },
      header: { "idempotency-key": key },
    }),
  );
  return created.id;
}
