const whole = new Intl.NumberFormat("en");

/** Writes a count with its noun, such as `1,204 deliveries`. */
export const formatCount = (count: number, one: string, several: string): string =>
  `${whole.format(count)} ${count === 1 ? one : several}`;

/** Writes milliseconds as people read them: `340 ms`, `5.5 s`, `34 s`, and longer times as `formatSeconds` does. */
export function formatMilliseconds(ms: number): string {
  if (Math.round(ms) < 1_000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1_000;
  if (seconds < 10) return `${Number(seconds.toFixed(1))} s`;
  return seconds < 120 ? `${Math.round(seconds)} s` : formatSeconds(seconds);
}

/** Writes seconds in their largest unit of which there are at least two: `90 seconds`, `15 minutes`, `3 hours`, `2 days`. */
export function formatSeconds(seconds: number): string {
  const [size, one, several] = units.find(([length]) => seconds >= 2 * length) ?? units.at(-1)!;
  return formatCount(Math.round(seconds / size), one, several);
}

const units = [
  [86_400, "day", "days"],
  [3_600, "hour", "hours"],
  [60, "minute", "minutes"],
  [1, "second", "seconds"],
] as const;
