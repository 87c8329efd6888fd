import type { DeliveryStatus } from "../../domain/delivery/status.ts";
import type { Campaign, Progress } from "./queries.ts";

/** How many deliveries have not ended. */
export const openCounts = ({ pending, sending }: Record<DeliveryStatus, number>) =>
  pending + sending;

/** The counts of a campaign in a list, by status. There, all open deliveries count as pending. */
export const statusCounts = ({
  open,
  ...ended
}: NonNullable<Campaign["counts"]>): Record<DeliveryStatus, number> => ({
  ...ended,
  pending: open,
  sending: 0,
});

/** How many seconds a running campaign still takes at its present rate; null if that is not known. */
export function secondsLeft({ status, counts, messagesPerSecond }: Progress): number | null {
  const open = openCounts(counts);
  return status === "running" && messagesPerSecond > 0 && open > 0
    ? open / messagesPerSecond
    : null;
}
