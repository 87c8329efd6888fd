import { languageOf } from "../../domain/page-languages.ts";
import { clockSpanAt } from "../../domain/time/local-time.ts";

/** Formats an instant as the clocks of a zone show it, by the time zone data in use. `at` is in epoch milliseconds. */
export function formatMoment(
  at: number,
  { locale, zone }: { locale: string; zone: string },
  { withDate = true }: { withDate?: boolean } = {},
): string {
  const options: Intl.DateTimeFormatOptions = {
    timeZone: "UTC",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
    ...(withDate && { weekday: "long", day: "numeric", month: "long" }),
  };
  return new Intl.DateTimeFormat(formatLocaleOf(locale), options).format(
    at + clockSpanAt(zone, at).offset,
  );
}

/** Formats the day of an instant in a zone, with its year. `at` is in epoch milliseconds. */
export function formatDay(at: number, { locale, zone }: { locale: string; zone: string }): string {
  const format = new Intl.DateTimeFormat(formatLocaleOf(locale), {
    timeZone: "UTC",
    dateStyle: "long",
  });
  return format.format(at + clockSpanAt(zone, at).offset);
}

/** The locale itself if its language is one of the pages, so that dates are in the order of its region; otherwise the language of the page. */
function formatLocaleOf(locale: string): string {
  const language = languageOf(locale);
  return locale.toLowerCase().startsWith(language) ? locale : language;
}

/** The names of the weekdays, from Monday. */
export function namesOfWeekdays(lang: string): string[] {
  const monday = Date.UTC(2027, 0, 4);
  const format = new Intl.DateTimeFormat(lang, { weekday: "long", timeZone: "UTC" });
  return Array.from({ length: 7 }, (_, day) => format.format(monday + day * 86_400_000));
}

/** The day with which the week begins in a locale: 0 is Monday. */
export function firstDayOf(locale: string): number {
  const { weekInfo } = new Intl.Locale(locale) as { weekInfo?: { firstDay: number } };
  return ((weekInfo?.firstDay ?? 1) + 6) % 7;
}
