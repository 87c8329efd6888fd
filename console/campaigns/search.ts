import type { CampaignStatus } from "../../domain/campaign.ts";
import { readSeveral, readText } from "../shell/url.ts";

/** The statuses of campaigns, in the order in which they pass through them. */
export const campaignStatuses = [
  "draft",
  "scheduled",
  "running",
  "paused",
  "completed",
  "cancelled",
] as const satisfies readonly CampaignStatus[];

/** What the address of the campaigns says. */
export interface CampaignSearch {
  status?: CampaignStatus[] | undefined;
  cursor?: string | undefined;
}

/** Reads the search of an address. Whatever is not valid becomes undefined. */
export const readCampaignSearch = (raw: Record<string, unknown>): CampaignSearch => ({
  status: readSeveral(raw["status"], campaignStatuses),
  cursor: readText(raw["cursor"], 1_000),
});
