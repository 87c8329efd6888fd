/** Nobody is left alone for longer because they said so. */
export const longestRetryAfterMs = 86_400_000;

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const month = `(${months.join("|")})`;
const time = String.raw`(\d\d):(\d\d):(\d\d)`;

/** The forms of HTTP-date (RFC 9110, 5.6.7): day, month, year and time stand in the groups of that name. */
const dateForms = [
  new RegExp(
    String.raw`^[A-Z][a-z]{2}, (?<day>\d\d) (?<month>${month}) (?<year>\d{4}) (?<time>${time}) GMT$`,
  ),
  new RegExp(
    String.raw`^[A-Z][a-z]{5,8}, (?<day>\d\d)-(?<month>${month})-(?<year>\d\d) (?<time>${time}) GMT$`,
  ),
  new RegExp(
    String.raw`^[A-Z][a-z]{2} (?<month>${month}) (?<day>[ \d]\d) (?<time>${time}) (?<year>\d{4})$`,
  ),
];

/**
 * When to come back, as a Retry-After header (RFC 9110, 10.2.3) says it in seconds or as a date; null if it says nothing, or
 * nothing later than `now`. At most `longestRetryAfterMs` from `now`.
 */
export function parseRetryAfter(value: string, now: Date): Date | null {
  const text = value.trim();
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : dateMs(text, now) - now.getTime();
  return ms > 0 ? new Date(now.getTime() + Math.min(ms, longestRetryAfterMs)) : null;
}

/** NaN if it is no date. */
function dateMs(text: string, now: Date): number {
  const found = dateForms.map((form) => form.exec(text)?.groups).find((groups) => groups);
  if (!found) return Number.NaN;
  const [hours, minutes, seconds] = found.time!.split(":").map(Number);
  const at = (year: number) =>
    Date.UTC(year, months.indexOf(found.month!), Number(found.day), hours, minutes, seconds);
  const year = Number(found.year);
  if (found.year!.length > 2) return at(year);
  // Two digits mean a year that is at most 50 years ahead.
  const century = Math.floor(now.getUTCFullYear() / 100) * 100;
  const ahead = century + 100 + year - now.getUTCFullYear();
  return at(
    century + year + (ahead <= 50 ? 100 : century + year - now.getUTCFullYear() > 50 ? -100 : 0),
  );
}

const comeBack = String.raw`\b(?:(?:try|trying|send|sending|resend)(?: \S+)? again|re-?try|come back|re-?connect|wait|delay(?:ed)?|gr[ae]y-?listed|defer(?:red)?)(?: again)?,? (?:(?:in|after|for|within|by) )?(?:at least |about |approximately |another )?`;
const unit = (letter: string, rest: string) => String.raw`(?:(\d{1,6}) ?${letter}(?:${rest})?\b)`;
/** In words of SMTP servers: to come back, and numbers with their units. Anything less plain is left to our own patience. */
const inWords = new RegExp(
  String.raw`${comeBack}(?=\d)${unit("h", "rs?|ours?")}?(?:,? ?(?:and )?)${unit("m", "ins?|inutes?")}?(?:,? ?(?:and )?)${unit("s", "ecs?|econds?")}?`,
  "i",
);
const onClock = new RegExp(String.raw`${comeBack}(\d{1,2}):(\d\d)(?::(\d\d))\b`, "i");
const asHeader = /\bretry-after ?[:=] ?(\d{1,6})\b/i;

/** Replies by which a server says that it is for now. */
const repliesWithDelay = /^4\d\d\b/;

/**
 * How long an SMTP server asks to be left alone, from the text of its reply, its code first: "421 4.7.0 Try again in 60 seconds",
 * "451 Retry-After: 30". Null where it says no such thing plainly. Milliseconds, at most `longestRetryAfterMs`.
 */
export function smtpRetryAfterMs(reply: string): number | null {
  if (!repliesWithDelay.test(reply)) return null;
  const header = asHeader.exec(reply);
  const [, hours, minutes, seconds] = header
    ? [null, 0, 0, header[1]]
    : (onClock.exec(reply) ?? inWords.exec(reply) ?? []);
  const ms =
    (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60_000 + Number(seconds ?? 0) * 1_000;
  return ms > 0 ? Math.min(ms, longestRetryAfterMs) : null;
}
