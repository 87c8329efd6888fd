import { readText } from "../shell/url.ts";

/** What the address of the list says. What is looked for is personal, and is never in it. */
export interface RecipientsSearch {
  /** The key of a segment, to list only its recipients. */
  segment?: string | undefined;
  cursor?: string | undefined;
}

export const readRecipientsSearch = (raw: Record<string, unknown>): RecipientsSearch => ({
  segment: readText(raw["segment"], 100),
  cursor: readText(raw["cursor"], 1_000),
});

/** The parts of a recipient's page, in the order of their tabs. */
export const recipientTabs = {
  timeline: "Timeline",
  preferences: "Preferences",
  topics: "Topics",
  deliveries: "Deliveries",
  devices: "Devices and addresses",
  events: "Events",
  profile: "Profile",
  erase: "Erase",
} as const;

export type RecipientTab = keyof typeof recipientTabs;

/** What the address of a recipient says. */
export interface RecipientSearch {
  /** The part that is shown; the timeline by default. */
  tab?: Exclude<RecipientTab, "timeline"> | undefined;
  /** Whether the timeline also shows the past days. */
  past?: "14" | undefined;
  /** The notification type for which preferences are shown. */
  type?: string | undefined;
  /** The version of the preferences that is compared with the one before it. */
  version?: string | undefined;
  cursor?: string | undefined;
}

export function readRecipientSearch(raw: Record<string, unknown>): RecipientSearch {
  const tab = raw["tab"];
  const version = readText(raw["version"], 10);
  return {
    tab:
      typeof tab === "string" && tab in recipientTabs && tab !== "timeline"
        ? (tab as Exclude<RecipientTab, "timeline">)
        : undefined,
    past: raw["past"] === "14" ? "14" : undefined,
    type: readText(raw["type"], 100),
    version: version !== undefined && /^[1-9]\d*$/.test(version) ? version : undefined,
    cursor: readText(raw["cursor"], 1_000),
  };
}
