/**
 * Why a delivery stands beside others of the same source and recipient: `primary` is what they were first owed, and what
 * accounts count; `snooze:1` is it once more, at the time that the recipient asked for, `snooze:2` is that once more.
 */
export function nextSnoozeLeg(leg: string): string {
  const [, times = "0"] = /^snooze:(\d+)$/.exec(leg) ?? [];
  return `snooze:${Number(times) + 1}`;
}
