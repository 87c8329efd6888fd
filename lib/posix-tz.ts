/** The rule of a zone for future years, from the footer of a TZif file. Offsets are seconds ahead of UTC. */
export interface PosixRule {
  standard: number;
  /** Null where the clocks never change. */
  daylight: { offset: number; start: YearlyMoment; end: YearlyMoment } | null;
}

/** A moment of every year, in the local time before the change. */
interface YearlyMoment {
  /** The day of the moment in a year, in days since 1970-01-01. */
  dayIn: (year: number) => number;
  /** Seconds after the start of that day; negative, or more than a day, is possible. */
  seconds: number;
}

export interface OffsetChange {
  /** The instant of the change in epoch seconds. */
  at: number;
  /** The new offset in seconds ahead of UTC. */
  offset: number;
}

const name = "(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)";
const time = String.raw`[+-]?\d{1,3}(?::\d{1,2}(?::\d{1,2})?)?`;
const date = String.raw`J\d{1,3}|\d{1,3}|M\d{1,2}\.\d\.\d`;
const pattern = new RegExp(
  `^${name}(${time})(?:(${name})(${time})?(?:,(${date})(?:/(${time}))?,(${date})(?:/(${time}))?)?)?$`,
);

/** A TZ string without dates follows the rule of the United States, as in the code of IANA. */
const presetDates = ["M3.2.0", "M11.1.0"] as const;
const presetSeconds = 2 * 3_600;
/** The largest hour of an offset, and of the time of a change (RFC 9636, section 3.3.1). */
const maxOffsetHours = 24;
const maxTimeHours = 167;

/**
 * Parses a TZ string (POSIX.1, "Other Environment Variables", extended by RFC 9636, section 3.3.1): names may be quoted, and
 * times of changes range from -167 to 167 hours. Throws a `RangeError` for any other text.
 */
export function parsePosixRule(text: string): PosixRule {
  const match = pattern.exec(text);
  if (!match) throw new RangeError("is not a TZ string");
  const [, west, daylightName, daylightWest, startDate, startTime, endDate, endTime] = match;
  const standard = eastOf(west!);
  if (daylightName === undefined) return { standard, daylight: null };
  const momentOf = (day: string, at: string | undefined): YearlyMoment => ({
    dayIn: parseDate(day),
    seconds: at === undefined ? presetSeconds : secondsOf(at, maxTimeHours),
  });
  return {
    standard,
    daylight: {
      offset: daylightWest === undefined ? standard + 3_600 : eastOf(daylightWest),
      start: momentOf(startDate ?? presetDates[0], startTime),
      end: momentOf(endDate ?? presetDates[1], endTime),
    },
  };
}

/** Converts an offset, which a TZ string counts west of Greenwich. */
const eastOf = (west: string) => 0 - secondsOf(west, maxOffsetHours);

function secondsOf(text: string, maxHours: number): number {
  const [hours = 0, minutes = 0, seconds = 0] = text.replace(/^[+-]/, "").split(":").map(Number);
  const size = hours * 3_600 + minutes * 60 + seconds;
  if (size > maxHours * 3_600 || minutes > 59 || seconds > 59)
    throw new RangeError("has a time out of range");
  return text.startsWith("-") ? -size : size;
}

const daySeconds = 86_400;
const dayOf = (year: number, month: number, day: number) =>
  Date.UTC(year, month, day) / (daySeconds * 1_000);
const isLeapYear = (year: number) => dayOf(year, 2, 1) - dayOf(year, 1, 1) === 29;

function parseDate(text: string): (year: number) => number {
  const numbers = text.replace(/^[JM]/, "").split(".").map(Number);
  const within = (value: number, min: number, max: number) => {
    if (value < min || value > max) throw new RangeError("has a date out of range");
    return value;
  };
  if (text.startsWith("M")) {
    const month = within(numbers[0]!, 1, 12) - 1;
    const week = within(numbers[1]!, 1, 5);
    const weekday = within(numbers[2]!, 0, 6);
    return (year) => {
      const first = dayOf(year, month, 1);
      // 1970-01-01 was a Thursday; 0 is Sunday.
      const firstSuch = first + ((((weekday - first - 4) % 7) + 7) % 7);
      const such = firstSuch + (week - 1) * 7;
      return such < dayOf(year, month + 1, 1) ? such : such - 7;
    };
  }
  if (text.startsWith("J")) {
    // Day 60 is March 1 in every year.
    const day = within(numbers[0]!, 1, 365);
    return (year) => dayOf(year, 0, 1) + day - 1 + (day >= 60 && isLeapYear(year) ? 1 : 0);
  }
  const day = within(numbers[0]!, 0, 365);
  return (year) => dayOf(year, 0, 1) + day;
}

/**
 * The changes of clocks by a rule in each of the years, in the order of time. The first and the last may lie outside of these years. Of two
 * changes at the same instant only the start of daylight saving counts: this is how a rule expresses that it never ends.
 */
export function changesInYears(
  { standard, daylight }: PosixRule,
  from: number,
  to: number,
): OffsetChange[] {
  if (!daylight) return [];
  const { offset, start, end } = daylight;
  const changes = new Map<number, number>();
  const add = ({ dayIn, seconds }: YearlyMoment, before: number, after: number) => {
    for (let year = from; year <= to; year += 1)
      changes.set(dayIn(year) * daySeconds + seconds - before, after);
  };
  add(end, offset, standard);
  add(start, standard, offset);
  return [...changes]
    .map(([at, after]) => ({ at, offset: after }))
    .toSorted((one, other) => one.at - other.at);
}
