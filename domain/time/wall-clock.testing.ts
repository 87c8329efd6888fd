// The reference for the tests of local time: the clocks of `Intl`, read one instant at a time, without code of our own in between.

export interface WallTime {
  /** "2026-03-08" */
  date: string;
  /** "02:30" */
  time: string;
  weekday: string;
}

export const allZones = Intl.supportedValuesOf("timeZone");

const clocks = new Map<string, (at: number) => WallTime>();

/** Returns a function that reads the clocks of a zone at an instant in epoch milliseconds. */
export function wallClock(zone: string): (at: number) => WallTime {
  const known = clocks.get(zone);
  if (known) return known;
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone,
    hourCycle: "h23",
    weekday: "long",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
  });
  const clock = (at: number) => {
    const [, weekday = "", day, month, year, time = ""] =
      /^(\w+),? (\d+)\/(\d+)\/(\d+),? (\d\d:\d\d)$/.exec(format.format(at)) ?? [];
    return { date: `${year}-${month}-${day}`, time, weekday: weekday.toLowerCase() };
  };
  clocks.set(zone, clock);
  return clock;
}

export interface ClockChange {
  zone: string;
  /** The first instant of the new offset. */
  at: number;
}

/** Every change of clocks from the start of a year to the end of another. Two changes within five days may be missed. */
function clockChanges(zone: string, firstYear: number, lastYear: number): ClockChange[] {
  const found: ClockChange[] = [];
  const clock = wallClock(zone);
  const offsetAt = (at: number) => offsetMinutes(clock(at), at);
  const end = Date.UTC(lastYear + 1, 0, 1);
  const step = 5 * 86_400_000;
  let offset = offsetAt(Date.UTC(firstYear, 0, 1));
  for (let at = Date.UTC(firstYear, 0, 1) + step; at < end; at += step) {
    if (offsetAt(at) === offset) continue;
    let [low, high] = [at - step, at];
    while (high - low > 60_000) {
      const middle = low + Math.floor((high - low) / 120_000) * 60_000;
      if (offsetAt(middle) === offset) low = middle;
      else high = middle;
    }
    found.push({ zone, at: high });
    offset = offsetAt(at);
  }
  return found;
}

/** The minutes by which a clock is ahead of UTC. */
export function offsetMinutes({ date, time }: WallTime, at: number): number {
  return (Date.parse(`${date}T${time}Z`) - Math.floor(at / 60_000) * 60_000) / 60_000;
}

let changes: ClockChange[] | undefined;

/** Every change of clocks from 2024 to 2030 in every zone. */
export function allClockChanges(): ClockChange[] {
  return (changes ??= allZones.flatMap((zone) => clockChanges(zone, 2024, 2030)));
}

export const clockTime = (minute: number) =>
  `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;

export const iso = (at: number) => new Date(at).toISOString();
