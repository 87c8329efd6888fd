import { isDeepStrictEqual } from "node:util";
import { preferences, type WeekdayPeriod } from "../../domain/policy/preferences.ts";
import { weekdays } from "../../domain/time/local-time.ts";
import type { Centre } from "./centre.ts";
import { type Form, readOne, type ReadForm } from "./form.ts";
import { fill } from "./words/words.ts";

/** The lists of periods: those of every day, and those of single weekdays. The numbers are the bounds of the preferences. */
export const periodSections = {
  quiet: { path: "quietHours", enabled: "quietHoursEnabled", most: 4 },
  dnd: { path: "doNotDisturb", enabled: "doNotDisturbEnabled", most: 50 },
} as const;

export type PeriodSection = keyof typeof periodSections;

/** A line of a list of periods, with what was typed. */
export interface Line {
  day: string;
  from: string;
  to: string;
}

const emptyLine: Line = { day: weekdays[0], from: "", to: "" };

/** A form shows the end of a day as a clock does. */
const shownEnd = (end: string) => (end === "24:00" ? "00:00" : end);
const storedEnd = (end: string) => (end === "00:00" ? "24:00" : end);

/** The lines that a form shows: the periods in force, and an empty one unless there is no room. */
export function linesOf(section: PeriodSection, { answer }: Centre): Line[] {
  const { path, most } = periodSections[section];
  const periods = answer.effective[path].value as readonly Partial<WeekdayPeriod>[];
  const lines = periods.map(({ weekday = emptyLine.day, start = "", end = "" }) => ({
    day: weekday,
    from: start,
    to: shownEnd(end),
  }));
  return lines.length < most ? [...lines, emptyLine] : lines;
}

/** The lines of a form as they were typed. */
export function typedLines(section: PeriodSection, form: Form): Line[] {
  const lines: Line[] = [];
  // A list may be longer than what can be kept, so that its fault is shown with what was typed.
  for (let index = 0; index <= periodSections[section].most + 5; index += 1) {
    const read = (part: string) => readOne(form, `${section}.${index}.${part}`);
    if (read("from") === undefined && read("to") === undefined) break;
    lines.push({ day: read("day") ?? emptyLine.day, from: read("from")!, to: read("to") ?? "" });
  }
  return lines;
}

/** Reads a list of periods and its switch. Lines that are empty or to be removed are left out. */
export function readPeriods(section: PeriodSection, form: Form, centre: Centre): ReadForm {
  const { path, enabled, most } = periodSections[section];
  const { answer, words } = centre;
  const faults: ReadForm["faults"] = new Map();
  const periods: object[] = [];
  const add = (period: object) => {
    if (!periods.some((one) => isDeepStrictEqual(one, period))) periods.push(period);
  };
  for (const [index, { day, from, to }] of typedLines(section, form).entries()) {
    const has = (part: string) => readOne(form, `${section}.${index}.${part}`) !== undefined;
    if ((from === "" && to === "") || has("remove")) continue;
    const period = { start: from, end: storedEnd(to) };
    const given = section === "quiet" ? period : { weekday: day, ...period };
    if (!preferences.safeParse({ [path]: [given] }).success) {
      faults.set(`${section}.${index}`, words.wrongPeriod);
      continue;
    }
    add(given);
    if (section === "dnd" && has("copy"))
      for (const weekday of weekdays.slice(0, 5)) add({ weekday, ...period });
  }
  if (periods.length > most) faults.set(section, fill(words.tooManyPeriods, { maximum: most }));
  const isOn = readOne(form, enabled) !== undefined;
  return {
    patch: {
      ...(!isDeepStrictEqual(periods, answer.effective[path].value) && { [path]: periods }),
      ...(isOn !== answer.effective[enabled].value && { [enabled]: isOn }),
    },
    faults,
  };
}
