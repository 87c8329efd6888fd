import { z } from "zod";
import type { Priority } from "../priority.ts";
import { nameText } from "../text.ts";

const opens = z.boolean().meta({
  description:
    "Whether emails contain an invisible image, by which it is known that they were opened",
  example: false,
});
const clicks = z.boolean().meta({
  description:
    "Whether the links of emails lead through Tidings, by which it is known that they were followed",
  example: true,
});

/** What a sender asks to know of its emails. */
export const tracking = z.strictObject({ opens, clicks });
export type Tracking = z.output<typeof tracking>;

export const noTracking: Tracking = { opens: false, clicks: false };

/** A preference of a recipient: false always holds, and what is left out is as senders ask. */
export const trackingPreference = tracking.partial();
type TrackingPreference = z.output<typeof trackingPreference>;

/** A message, as far as it decides what may be known of it. */
export interface TrackedMessage {
  /** The settings of the campaign; null if it has none. */
  campaign: Tracking | null;
  type: { tracking: Tracking; mandatory: boolean } | null;
  preference: TrackingPreference | undefined;
  priority: Priority;
}

/** Finds what is tracked of a message. Of messages that come whatever their recipient has switched off, clicks are tracked at most. */
export function resolveTracking({
  campaign,
  type,
  preference,
  priority,
}: TrackedMessage): Tracking {
  const asked = campaign ?? type?.tracking ?? noTracking;
  if (!asked.opens && !asked.clicks) return noTracking;
  const isImposed = priority === "critical" || type?.mandatory === true;
  return {
    opens: asked.opens && preference?.opens !== false && !isImposed,
    clicks: asked.clicks && preference?.clicks !== false,
  };
}

const parameter = nameText(100);

/** The values of the parameters by which web analytics recognise the campaign that a visitor comes from. */
export const utm = z.strictObject({
  source: parameter.meta({ description: "`utm_source`", example: "newsletter" }),
  medium: parameter.meta({ description: "`utm_medium`", example: "email" }),
  campaign: parameter.meta({ description: "`utm_campaign`", example: "spring-sale" }),
  content: parameter.optional().meta({ description: "`utm_content`", example: "blue-button" }),
  term: parameter.optional().meta({ description: "`utm_term`", example: "shoes" }),
});
export type Utm = z.output<typeof utm>;
