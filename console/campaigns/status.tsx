import type { CampaignStatus } from "../../domain/campaign.ts";
import type { DeliveryStatus } from "../../domain/delivery/status.ts";
import type { IconName } from "../parts/icon.tsx";
import { Chip } from "../parts/status-chip.tsx";
import { capitalise } from "../words/statuses.ts";

const looks: Record<CampaignStatus, { tone: DeliveryStatus; icon: IconName }> = {
  draft: { tone: "cancelled", icon: "templates" },
  scheduled: { tone: "pending", icon: "clock" },
  running: { tone: "sending", icon: "play" },
  paused: { tone: "unknown", icon: "pause" },
  completed: { tone: "delivered", icon: "check" },
  cancelled: { tone: "cancelled", icon: "stop" },
};

/** The status of a campaign: a colour, an icon and the word. */
export const CampaignChip = ({ status }: { status: CampaignStatus }) => (
  <Chip {...looks[status]} word={capitalise(status)} />
);
