import type { ReactNode } from "react";
import { Instant } from "../parts/instant.tsx";
import { formatDuration } from "../words/instants.ts";
import type { DeliveryDetails } from "./queries.ts";

type Instants = Pick<
  DeliveryDetails,
  "sentAt" | "deliveredAt" | "seenAt" | "openedAt" | "clickedAt" | "latencyMs"
>;

/** When the message was sent, and what its recipient did with it, as far as is known. What is not known has a value of null. */
export function instantFacts(delivery: Instants): (readonly [string, ReactNode])[] {
  const { sentAt, deliveredAt, seenAt, openedAt, clickedAt, latencyMs } = delivery;
  const at = (name: string, instant: string | null) =>
    [name, instant === null ? null : <Instant key={name} at={instant} />] as const;
  return [
    at("Sent", sentAt),
    ["Sent within", latencyMs === null ? null : formatDuration(latencyMs / 1_000)],
    at("Delivered", deliveredAt),
    at("Seen", seenAt),
    at("Opened", openedAt),
    at("Clicked", clickedAt),
  ];
}
