/**
 * The leg of a delivery that is snoozed once more. `primary` is the first delivery of a source to a recipient, and the only one that accounts
 * count; `snooze:1` is its repeat at the time that the recipient asked for, and `snooze:2` the repeat of that.
 */
export function nextSnoozeLeg(leg: string): string {
  const [, times = "0"] = /^snooze:(\d+)$/.exec(leg) ?? [];
  return `snooze:${Number(times) + 1}`;
}
