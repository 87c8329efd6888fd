import { type SubscriptionStatus, subscriptionStatuses } from "../../domain/consent.ts";
import { readId, readSeveral, readText } from "../shell/url.ts";

/** What the address of the topics says. */
export interface TopicsSearch {
  q?: string | undefined;
  /** Whether archived topics are shown in place of the others. */
  archived?: "true" | undefined;
  cursor?: string | undefined;
}

/** Reads the search of an address. Whatever is not valid becomes undefined. */
export const readTopicsSearch = (raw: Record<string, unknown>): TopicsSearch => ({
  q: readText(raw["q"], 200),
  archived: raw["archived"] === "true" ? "true" : undefined,
  cursor: readText(raw["cursor"], 1_000),
});

/** What the address of a topic says. */
export interface TopicSearch {
  status?: SubscriptionStatus | undefined;
  /** The recipient whose consent is shown: rcp_… */
  consent?: string | undefined;
  cursor?: string | undefined;
}

export const readTopicSearch = (raw: Record<string, unknown>): TopicSearch => ({
  status: readSeveral(raw["status"], subscriptionStatuses)?.[0],
  consent: readId(raw["consent"], "rcp"),
  cursor: readText(raw["cursor"], 1_000),
});
