/**
 * Reads what a field of the browser for a local time has, such as `2027-03-28T09:30`, in the zone of the browser or in UTC. An hour that the
 * clock skips is read as the one after it.
 */
export const toInstant = (local: string, zone: string): string =>
  new Date(zone === "UTC" ? `${local}Z` : local).toISOString();
