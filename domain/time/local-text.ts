import { minuteMs } from "./durations.ts";
import { clockSpanAt, localTimeAt } from "./local-time.ts";
import { weekdays } from "./local-time.ts";

/** Formats the local time in `zone` at `at` (epoch milliseconds), as "Monday 2027-03-29 08:00 +02:00". */
export function localText(zone: string, at: number): string {
  const { offset } = clockSpanAt(zone, at);
  const weekday = weekdays[localTimeAt(zone, at).weekday - 1]!;
  const [date, time] = new Date(at + offset).toISOString().split("T") as [string, string];
  const minutes = Math.abs(offset) / minuteMs;
  const pad = (part: number) => String(Math.floor(part)).padStart(2, "0");
  const sign = offset < 0 ? "-" : "+";
  return `${weekday.charAt(0).toUpperCase()}${weekday.slice(1)} ${date} ${time.slice(0, 5)} ${sign}${pad(minutes / 60)}:${pad(minutes % 60)}`;
}
