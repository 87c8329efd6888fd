import type { Centre } from "./centre.ts";
import { type Form, readOne } from "./form.ts";
import { setAt } from "./fields.ts";

/** What a recipient may refuse to be known of emails, as paths of the preferences. */
export const trackingWishes = ["opens", "clicks"] as const;

/** Whether a recipient lets senders know it. What they have not refused is as senders ask. */
export const isTrackingAllowed = (
  { stated }: Pick<Centre, "stated">,
  wish: (typeof trackingWishes)[number],
): boolean => stated.tracking?.[wish] !== false;

/** Reads what may be known. A refusal that is taken back is removed, because nothing more than that can be chosen. */
export function readTracking(form: Form, centre: Centre): Record<string, unknown> {
  const patch: Record<string, unknown> = {};
  for (const wish of trackingWishes) {
    const isAllowed = readOne(form, `tracking.${wish}`) !== undefined;
    if (isAllowed !== isTrackingAllowed(centre, wish))
      setAt(patch, `tracking.${wish}`, isAllowed ? null : false);
  }
  return patch;
}
