import { formatNoun } from "../words/numbers.ts";
import { wordsOfReason } from "../words/reasons.ts";
import { capitalise } from "../words/statuses.ts";
import type { Preview, Timeline } from "./queries.ts";

/** What an entry of a timeline is about. Ended deliveries have their status. */
export type EntryKind =
  | "quiet_hours"
  | "do_not_disturb"
  | "digest"
  | "closing"
  | "waiting"
  | "snoozed"
  | "snooze"
  | "projected"
  | "preview"
  | Timeline["waiting"][number]["status"];

/** Something at an instant, or from one to another. */
export interface Entry {
  key: string;
  kind: EntryKind;
  at: string;
  /** For what lasts: its end. */
  until?: string;
  words: string;
  /** The delivery that it is about. */
  delivery?: string;
  /** When a person first opened the message, and followed a link in it; null where that is not known. */
  openedAt?: string | null;
  clickedAt?: string | null;
}

const kindWords: Partial<Record<EntryKind, string>> = {
  quiet_hours: "Quiet hours",
  do_not_disturb: "Do not disturb",
};

/** Lists everything that a timeline has in its days, in the order of time. */
export function listEntries(timeline: Timeline, preview: Preview | null): Entry[] {
  const { range, waiting, groups } = timeline;
  if (range === null) return [];
  const entries: Entry[] = [
    ...range.quiet.map(({ from, until, reason }) => ({
      key: `${reason} ${from}`,
      kind: reason,
      at: from,
      until,
      words: kindWords[reason]!,
    })),
    ...range.digests.map(({ at }) => ({
      key: `digest ${at}`,
      kind: "digest" as const,
      at,
      words: "The time of a digest",
    })),
    ...groups.map(({ id, kind, type, closesAt, members }) => ({
      key: id,
      kind: "closing" as const,
      at: closesAt,
      words: `${capitalise(kind)} closes: ${formatNoun(members, "message")}${type === null ? "" : `, ${type}`}`,
    })),
    ...waiting.map((one, index) => ({
      key: one.id ?? `${one.source} ${one.stage} ${index}`,
      kind: kindOfWaiting(one),
      at: one.dueAt,
      words: describeMessage(one, one.reason === null ? "due" : wordsOfReason(one.reason)),
      ...(one.id !== null && { delivery: one.id }),
    })),
    ...range.ended.map((one) => ({
      key: one.id,
      kind: one.status,
      at: one.at,
      words: describeMessage(one, one.reason === null ? "" : wordsOfReason(one.reason)),
      delivery: one.id,
      openedAt: one.openedAt,
      clickedAt: one.clickedAt,
    })),
    ...range.snoozes.map((one) => ({
      key: `snooze ${one.id} ${one.from}`,
      kind: "snooze" as const,
      at: one.from,
      until: one.until,
      words: describeMessage(
        one,
        one.deliveries === 1 ? "" : formatNoun(one.deliveries, "message"),
      ),
      delivery: one.id,
    })),
    ...(preview
      ? [
          {
            key: "preview",
            kind: "preview" as const,
            at: preview.outcome.at,
            words:
              preview.outcome.status === "sent"
                ? "The message of your question would be sent"
                : `The message of your question would ${preview.outcome.status === "waiting" ? "still wait" : "not be sent"}`,
          },
        ]
      : []),
  ];
  const [begin, end] = [Date.parse(range.from), Date.parse(range.until)];
  return entries
    .filter(({ at, until }) => Date.parse(until ?? at) > begin && Date.parse(at) < end)
    .sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
}

function kindOfWaiting({ status, reason }: Timeline["waiting"][number]): EntryKind {
  if (status === "projected") return "projected";
  return reason === "snoozed" ? "snoozed" : "waiting";
}

const describeMessage = (
  { type, channel }: { type: string | null; channel: string },
  reason: string,
) =>
  [type ?? "No type", channel === "in_app" ? "inbox" : channel, reason].filter(Boolean).join(" · ");
