/** The longest delay that a server can ask for. */
export const longestRetryAfterMs = 86_400_000;

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const month = `(${months.join("|")})`;
const time = String.raw`(\d\d):(\d\d):(\d\d)`;

/** The forms of HTTP-date (RFC 9110, 5.6.7), with named groups for day, month, year and time. */
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
 * Parses a Retry-After header (RFC 9110, 10.2.3), in seconds or as a date. The result is at most `longestRetryAfterMs` after `now`; null if
 * the header is malformed or not later than `now`.
 */
export function parseRetryAfter(value: string, now: Date): Date | null {
  const text = value.trim();
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : dateMs(text, now) - now.getTime();
  return ms > 0 ? new Date(now.getTime() + Math.min(ms, longestRetryAfterMs)) : null;
}

/** Epoch milliseconds of an HTTP-date; NaN for any other text. */
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
/** A delay in the words of SMTP servers: a request to come back, followed by numbers with units. Vaguer texts are ignored. */
const inWords = new RegExp(
  String.raw`${comeBack}(?=\d)${unit("h", "rs?|ours?")}?(?:,? ?(?:and )?)${unit("m", "ins?|inutes?")}?(?:,? ?(?:and )?)${unit("s", "ecs?|econds?")}?`,
  "i",
);
const onClock = new RegExp(String.raw`${comeBack}(\d{1,2}):(\d\d)(?::(\d\d))\b`, "i");
const asHeader = /\bretry-after ?[:=] ?(\d{1,6})\b/i;

/** Temporary refusals: only these can ask for a delay. */
const repliesWithDelay = /^4\d\d\b/;

/**
 * The delay that an SMTP server asks for in its reply, such as "421 4.7.0 Try again in 60 seconds" or "451 Retry-After: 30".
 * @returns milliseconds, at most `longestRetryAfterMs`; null where the reply names no delay
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
