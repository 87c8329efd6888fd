import type { Centre } from "./centre.ts";
import { type Form, readOne } from "./form.ts";
import { setAt } from "./fields.ts";

/** What a recipient may refuse to be known of emails, as paths of the preferences. */
export const trackingPreferences = ["opens", "clicks"] as const;

/** Whether a recipient lets senders know it. What they have not refused is as senders ask. */
export const isTrackingAllowed = (
  { stated }: Pick<Centre, "stated">,
  preference: (typeof trackingPreferences)[number],
): boolean => stated.tracking?.[preference] !== false;

/** Reads what may be known. A refusal that is taken back is removed, because nothing more than that can be chosen. */
export function readTracking(form: Form, centre: Centre): Record<string, unknown> {
  const patch: Record<string, unknown> = {};
  for (const preference of trackingPreferences) {
    const isAllowed = readOne(form, `tracking.${preference}`) !== undefined;
    if (isAllowed !== isTrackingAllowed(centre, preference))
      setAt(patch, `tracking.${preference}`, isAllowed ? null : false);
  }
  return patch;
}
