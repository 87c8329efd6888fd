import { scaleLinear } from "d3-scale";
import { hourMs } from "../../domain/time/durations.ts";
import type { TimelineRange } from "./queries.ts";
import type { Entry } from "./timeline-entries.ts";

/** How many marks stand above each other at one place. Further ones are counted. */
const lanes = 3;
/** How near two marks may be, in hundredths of the width, before they share a place. */
const placeWidth = 1.2;

/** A day of the band. Places and widths are hundredths of the width of the longest day. */
export interface BandDay {
  date: string;
  hours: number;
  /** How wide the day is: a day of 23 hours is narrower than one of 24. */
  width: number;
  quiet: { key: string; left: number; width: number; reason: "quiet_hours" | "do_not_disturb" }[];
  /**
   * What was snoozed, as arcs. An arc over midnight has a part in each day; `begins` and `ends` say which part it is, from 0 to 1: the whole arc is
   * from 0 to 1.
   */
  arcs: { entry: Entry; left: number; width: number; begins: number; ends: number }[];
  /** Every sixth hour of the local clock. */
  ticks: { left: number; hour: number }[];
  marks: { entry: Entry; left: number; lane: number; tail: number | null }[];
  more: { left: number; count: number }[];
  now: number | null;
}

/** Lays out the days of a timeline, one below the other. `now` is in epoch milliseconds. */
export function layOutBand(
  range: Pick<TimelineRange, "days">,
  entries: readonly Entry[],
  timeZone: string,
  now: number,
): BandDay[] {
  const longest = Math.max(...range.days.map(({ hours }) => hours));
  return range.days.map(({ date, hours, from: begins, until: ends }) => {
    const [from, until] = [Date.parse(begins), Date.parse(ends)];
    const place = scaleLinear([from, from + longest * hourMs], [0, 100]).clamp(true);
    const isWithin = (at: number) => at >= from && at < until;
    const clip = (at: number) => place(Math.min(Math.max(at, from), until));
    const quiet = entries.flatMap((entry) => {
      if (entry.kind !== "quiet_hours" && entry.kind !== "do_not_disturb") return [];
      const [left, right] = [clip(Date.parse(entry.at)), clip(Date.parse(entry.until!))];
      return right > left
        ? [{ key: entry.key, left, width: right - left, reason: entry.kind }]
        : [];
    });
    const arcs = entries.flatMap((entry): BandDay["arcs"] => {
      if (entry.kind !== "snooze") return [];
      const [snoozed, back] = [Date.parse(entry.at), Date.parse(entry.until!)];
      const [left, right] = [clip(snoozed), clip(back)];
      if (right <= left) return [];
      const partOf = (at: number) => (at - snoozed) / (back - snoozed);
      return [
        {
          entry,
          left,
          width: right - left,
          begins: partOf(Math.max(snoozed, from)),
          ends: partOf(Math.min(back, until)),
        },
      ];
    });
    const { marks, more } = placeMarks(
      entries.filter(({ at, until: end }) => end === undefined && isWithin(Date.parse(at))),
      (at) => place(at),
      isWithin(now) ? place(now) : now < from ? 0 : null,
    );
    return {
      date,
      hours,
      width: place(until),
      quiet,
      arcs,
      ticks: listTicks(from, until, timeZone).map(({ at, hour }) => ({ left: place(at), hour })),
      marks,
      more,
      now: isWithin(now) ? place(now) : null,
    };
  });
}

function placeMarks(
  entries: readonly Entry[],
  place: (at: number) => number,
  tailFrom: number | null,
): Pick<BandDay, "marks" | "more"> {
  const taken = new Map<number, number>();
  const marks = entries.flatMap((entry): BandDay["marks"] => {
    const left = place(Date.parse(entry.at));
    const at = Math.floor(left / placeWidth);
    const lane = taken.get(at) ?? 0;
    taken.set(at, lane + 1);
    if (lane >= lanes) return [];
    // What is snoozed has its arc instead.
    const isWaiting = entry.kind === "waiting";
    return [
      {
        entry,
        left,
        lane,
        tail: isWaiting && tailFrom !== null && tailFrom < left ? tailFrom : null,
      },
    ];
  });
  const more = [...taken].flatMap(([at, count]) =>
    count > lanes ? [{ left: (at + 0.5) * placeWidth, count: count - lanes }] : [],
  );
  return { marks, more };
}

/** Lists the instants of a day at which its clock shows 0, 6, 12 or 18 o'clock. */
function listTicks(from: number, until: number, timeZone: string): { at: number; hour: number }[] {
  const clock = new Intl.DateTimeFormat("en-GB", {
    timeZone,
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  const ticks: { at: number; hour: number }[] = [];
  for (let at = from; at < until; at += hourMs / 2) {
    const [hour, minute] = clock.format(at).split(":").map(Number) as [number, number];
    if (minute === 0 && hour % 6 === 0) ticks.push({ at, hour });
  }
  return ticks;
}
