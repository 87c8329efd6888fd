const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** Returns the language tag if browsers know its form, otherwise English: an `Intl` object of another would throw. */
export function readLanguage(tag: string): string {
  try {
    return Intl.getCanonicalLocales(tag)[0] ?? "en";
  } catch {
    return "en";
  }
}

/**
 * Says how long ago an instant was, such as "5 min. ago" or "yesterday", and after a week its date. Returns an empty text for what is no
 * instant.
 */
export function formatAge(instant: string, now: number, language: string): string {
  const at = Date.parse(instant);
  if (Number.isNaN(at)) return "";
  // An instant that seems to lie ahead comes from a clock that is slow.
  const age = Math.max(0, now - at);
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" });
  if (age < minute) return relative.format(0, "second");
  if (age < hour) return relative.format(-Math.floor(age / minute), "minute");
  if (age < day) return relative.format(-Math.floor(age / hour), "hour");
  const days = Math.round((startOfDay(now) - startOfDay(at)) / day);
  if (days < 7) return relative.format(-days, "day");
  const isThisYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return new Intl.DateTimeFormat(language, {
    day: "numeric",
    month: "short",
    ...(!isThisYear && { year: "numeric" }),
  }).format(at);
}

const startOfDay = (instant: number) => new Date(instant).setHours(0, 0, 0, 0);

/** Writes an instant in full, in the time zone of the browser. */
export function formatInstant(instant: string, language: string): string {
  const at = Date.parse(instant);
  if (Number.isNaN(at)) return "";
  return new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "short" }).format(at);
}

/** Writes a count, of which the API knows only that it is at least `limit` if it is that: then it is one less and a plus sign. */
export function formatCount(count: number, limit: number, language: string): string {
  const format = new Intl.NumberFormat(language);
  return count >= limit ? `${format.format(limit - 1)}+` : format.format(count);
}
