import { channels } from "../../domain/channel.ts";
import { priorities } from "../../domain/priority.ts";
import { channelWords, priorityWords, toWords } from "../words/statuses.ts";
import type { Preferences } from "./queries.ts";

export type PreferencePath = keyof Preferences["effective"];

/** How a preference is edited. */
export type Control =
  | { kind: "switch" }
  | { kind: "number"; of: string }
  | { kind: "choice"; values: readonly string[] }
  | { kind: "time" }
  | { kind: "order" }
  | { kind: "periods"; withWeekday: boolean };

export const weekdays = [
  "monday",
  "tuesday",
  "wednesday",
  "thursday",
  "friday",
  "saturday",
  "sunday",
] as const;

/** The preferences in groups, each with its name and how it is edited. */
export const preferenceGroups: readonly {
  name: string;
  items: readonly (readonly [PreferencePath, string, Control])[];
}[] = [
  {
    name: "Channels",
    items: [
      ...channels.map(
        (channel) => [`channels.${channel}`, channelWords[channel], { kind: "switch" }] as const,
      ),
      ["channelOrder", "Order of channels", { kind: "order" }],
    ],
  },
  {
    name: "When",
    items: [
      ["quietHours", "Quiet hours", { kind: "periods", withWeekday: false }],
      ["quietHoursEnabled", "Quiet hours hold messages", { kind: "switch" }],
      ["doNotDisturb", "Do not disturb", { kind: "periods", withWeekday: true }],
      ["doNotDisturbEnabled", "Do not disturb holds messages", { kind: "switch" }],
    ],
  },
  {
    name: "How often",
    items: [
      [
        "digest.mode",
        "Digest",
        { kind: "choice", values: ["immediate", "hourly", "daily", "weekly"] },
      ],
      ["digest.time", "Time of the digest", { kind: "time" }],
      ["digest.weekday", "Day of a weekly digest", { kind: "choice", values: weekdays }],
      ["batching.enabled", "Batches", { kind: "switch" }],
      ["batching.maximumSize", "Largest batch", { kind: "number", of: "messages" }],
      ["batching.windowMinutes", "A batch waits for", { kind: "number", of: "minutes" }],
      ["maxPerHour", "At most, in an hour", { kind: "number", of: "messages" }],
      ["minimumPriority", "Lowest priority", { kind: "choice", values: priorities }],
    ],
  },
  {
    name: "Smart",
    items: [
      ["intelligentTiming", "Waits for the best hour", { kind: "switch" }],
      ["learning", "The best hour may be learnt", { kind: "switch" }],
    ],
  },
];

interface Period {
  start: string;
  end: string;
  weekday?: string;
}

/** A value of a preference in words. */
export function describeValue(control: Control, value: unknown): string {
  switch (control.kind) {
    case "switch":
      return value === true ? "On" : "Off";
    case "number":
      return `${String(value)} ${control.of}`;
    case "choice": {
      const text = String(value);
      return text in priorityWords
        ? priorityWords[text as keyof typeof priorityWords]
        : toWords(text);
    }
    case "time":
      return String(value);
    case "order": {
      const order = value as (keyof typeof channelWords)[];
      return order.length === 0
        ? "As the policy has it"
        : order.map((each) => channelWords[each]).join(", ");
    }
    case "periods": {
      const periods = value as Period[];
      return periods.length === 0
        ? "None"
        : periods
            .map(
              ({ start, end, weekday }) =>
                `${weekday === undefined ? "" : `${toWords(weekday)} `}${start}–${end}`,
            )
            .join(", ");
    }
  }
}

/** Makes the merge patch that sets the preference at a path, or removes it if the value is null. */
export const patchOf = (path: readonly string[], value: unknown): object =>
  path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as object;

/** What a recipient has stated at a path; null if nothing. */
export function statedAt(stated: Preferences["preferences"], path: readonly string[]): unknown {
  let value: unknown = stated;
  for (const name of path) value = (value as Record<string, unknown> | undefined)?.[name];
  return value ?? null;
}
