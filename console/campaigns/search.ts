import type { CampaignStatus } from "../../domain/campaign.ts";
import { omitUndefined, readId, readSeveral, readText } from "../shell/url.ts";

/** The statuses of campaigns, in the order in which they pass through them. */
export const campaignStatuses = [
  "draft",
  "scheduled",
  "running",
  "paused",
  "completed",
  "cancelled",
] as const satisfies readonly CampaignStatus[];

/** The filters of the campaigns. A campaign matches if it matches all that are given. */
export interface CampaignFilters {
  status?: CampaignStatus[] | undefined;
  /** A part of the name. */
  q?: string | undefined;
  /** The key of a notification type. */
  type?: string | undefined;
  /** The key of a template. */
  template?: string | undefined;
}

/** What the address of the campaigns says. */
export interface CampaignSearch extends CampaignFilters {
  cursor?: string | undefined;
}

/** Reads the search of an address. Whatever is not valid becomes undefined. */
export const readCampaignSearch = (raw: Record<string, unknown>): CampaignSearch => ({
  status: readSeveral(raw["status"], campaignStatuses),
  q: readText(raw["q"], 200),
  type: readText(raw["type"], 100),
  template: readText(raw["template"], 100),
  cursor: readText(raw["cursor"], 1_000),
});

/** The parameters of `GET /v1/campaigns`. */
export const toCampaignQuery = ({ status, ...others }: CampaignSearch) =>
  omitUndefined({ status: status?.join(","), ...others });

/** The parts of the page of a campaign, beside its progress. */
const campaignTabs = ["engagement", "revisions", "recall", "audit"] as const;

/** What the address of a campaign says. */
export interface CampaignPageSearch {
  /** Which part is shown; the progress if it is undefined. */
  tab?: (typeof campaignTabs)[number] | undefined;
  /** The revision that another one is compared with: by default the one before it. */
  since?: string | undefined;
  /** The revision that is compared; the newest by default. */
  revision?: string | undefined;
  /** The recipient whom the box “Why did they get it, or not?” is about. */
  of?: string | undefined;
  /** Which page of the audit trail is shown. */
  cursor?: string | undefined;
}

const readNumber = (raw: unknown) => {
  const text = readText(raw, 6);
  return text !== undefined && /^[1-9]\d*$/.test(text) ? text : undefined;
};

/** Reads the search of the address of a campaign. Whatever is not valid becomes undefined. */
export const readCampaignPageSearch = (raw: Record<string, unknown>): CampaignPageSearch => ({
  tab: readSeveral(raw["tab"], campaignTabs)?.[0],
  since: readNumber(raw["since"]),
  revision: readNumber(raw["revision"]),
  of: readId(raw["of"], "rcp"),
  cursor: readText(raw["cursor"], 1_000),
});
