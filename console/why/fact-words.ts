import type { Channel } from "../../domain/channel.ts";
import type { Priority } from "../../domain/priority.ts";
import { formatDuration } from "../words/instants.ts";
import { channelWords, priorityWords, toWords } from "../words/statuses.ts";

/** What facts are called whose names in the API are too short to be read alone. */
const names: Readonly<Record<string, string>> = {
  adaptedTo: "Size adapted to",
  ahead: "Deliveries before it",
  batchable: "The message may be combined",
  bypassRateLimit: "Skips the limits",
  digestable: "May be in a digest",
  granted: "Used",
  hasAddress: "Has an address",
  heldBackFor: "Was held back for",
  holdsInARow: "Holds in a row",
  isSubscribed: "Is subscribed",
  lastGrantedAt: "The last one was sent",
  maximumSize: "Messages in one",
  maximumWaitMinutes: "Waits at most",
  of: "Limit",
  secondsBetween: "Time between two",
  spreadMinutes: "Spread over",
  typeAllows: "Channels of the type",
  typeBatchable: "The type may be combined",
  typeChannelOn: "The type is on for the channel",
  typeOn: "The type is on",
  undecided: "Another one is not decided yet",
  windowMinutes: "Collects for",
  windowSeconds: "Within",
  zone: "Time zone",
};

/** The name of a fact in words: `quietHours` is “Quiet hours”. A unit at its end is left out, because the value has it. */
export const nameOfFact = (name: string): string =>
  names[name] ?? toWords(name).replace(/ (?:seconds|minutes)$/, "");

/** How many seconds the number of a fact means, by its name; null if it is no time. */
function secondsOf(name: string, value: number): number | null {
  if (/seconds/i.test(name)) return value;
  return /minutes$/i.test(name) ? value * 60 : null;
}

/** A fact in words whose name says what its value means: a channel, a priority, a length of time. Null for all others. */
export function describeFact(name: string, value: unknown): string | null {
  if (typeof value === "number") {
    const seconds = secondsOf(name, value);
    return seconds === null ? null : value === 0 ? "none" : formatDuration(seconds);
  }
  if (typeof value !== "string") return null;
  if (name === "channel" || name === "typeAllows") return channelWords[value as Channel] ?? null;
  return /priority$/i.test(name) ? (priorityWords[value as Priority] ?? null) : null;
}
