import { clockSpanAt } from "../time/local-time.ts";
import type { NotificationAction } from "../notification.ts";
import type { NotificationType } from "../policy/notification-type.ts";
import { priorities } from "../priority.ts";
import { ellipsize } from "./fields.ts";
import type { SummaryWords } from "./summary-words.ts";

/** Kinds of groups, whose deliveries go out as one message: a batch has one type, a digest is all of a recipient. */
export type GroupKind = "batch" | "digest";

/** A delivery in a group. */
export interface Member {
  type: NotificationType | null;
  /** The caller's id of the object that the delivery is about. */
  entityId: string | null;
  actions: readonly NotificationAction[];
}

/** The part of a member that a summary shows. */
export interface SummaryItem {
  /** The subject that its own message would have. */
  title: string;
  entityId: string | null;
  /** The time of the event that the member is about, as ISO 8601 and as text in the recipient's zone and language. */
  occursAt: string | null;
  when: string | null;
  /** The address of its `view` action; null where it has none. */
  url: string | null;
}

/** The first members and their number: `count` is the number of `items` plus `more`. */
type Counted<Shown> = { count: number; items: Shown[]; more: number };

/** A notification type as templates see it. */
type TypeScope = { key: string | null; name: string; summaryIcon: string | null };

type SummaryScope = {
  title: string;
  /** The distinct entity ids of the members, at most `entityIdLimit`. */
  entityIds: string[];
};

/** The variables of a batch template. */
export type BatchScope<Shown> = SummaryScope & Counted<Shown> & { type: TypeScope };

/** The variables of a digest template. */
export type DigestScope<Shown> = SummaryScope & {
  count: number;
  /** One section for each type, the most urgent first. */
  sections: (Counted<Shown> & { type: TypeScope })[];
};

const entityIdLimit = 100;
/** The most items that one digest shows in all sections together: mail programs clip longer messages. */
const digestItemLimit = 100;
/** The longest title in a list, in UTF-16 units. */
const titleLimit = 120;
/** The longest address of an action, in UTF-16 units. */
const urlLimit = 2_000;

/** Makes the variables of a batch template. `members` is not empty, of one type, and in the order of acceptance. */
export function batchScope<Of extends Member>(
  members: readonly Of[],
  { itemsShown }: { itemsShown: number },
  words: SummaryWords,
): BatchScope<Of> {
  const type = members[0]!.type;
  const counted = cut(members, itemsShown);
  return {
    title: batchTitle(type, counted.count, words),
    type: typeScope(type, words),
    ...counted,
    entityIds: entityIdsOf(members).slice(0, entityIdLimit),
  };
}

/** Makes the variables of a digest template. `members` is not empty and in the order of acceptance. */
export function digestScope<Of extends Member>(
  members: readonly Of[],
  { itemsShownPerType }: { itemsShownPerType: number },
  words: SummaryWords,
): DigestScope<Of> {
  const byType = new Map<string | null, Of[]>();
  for (const member of members) {
    const key = member.type?.id ?? null;
    const own = byType.get(key);
    if (own) own.push(member);
    else byType.set(key, [member]);
  }
  let left = digestItemLimit;
  const sections = [...byType.values()]
    .toSorted(([one], [other]) => byUrgency(one!.type, other!.type))
    .map((own) => {
      const { type } = own[0]!;
      const counted = cut(own, Math.min(itemsShownPerType, left));
      left -= counted.items.length;
      return { type: typeScope(type, words), ...counted };
    });
  return {
    title: fillCount(words.digestTitle, members.length),
    count: members.length,
    sections,
    entityIds: entityIdsOf(members).slice(0, entityIdLimit),
  };
}

function batchTitle(type: NotificationType | null, count: number, words: SummaryWords): string {
  if (type?.summaryTitle != null) return fillCount(type.summaryTitle, count);
  return fillCount(words.batchTitle, count).replaceAll("{type}", () => nameOf(type, words));
}

const fillCount = (title: string, count: number) => title.replaceAll("{count}", String(count));

/** The title of members without a title of their own. */
export const nameOf = (type: NotificationType | null, { notifications }: SummaryWords): string =>
  type?.name ?? notifications;

const typeScope = (type: NotificationType | null, words: SummaryWords): TypeScope => ({
  key: type?.key ?? null,
  name: nameOf(type, words),
  summaryIcon: type?.summaryIcon ?? null,
});

function cut<Of>(members: readonly Of[], atMost: number): Counted<Of> {
  const items = members.slice(0, atMost);
  return { count: members.length, items, more: members.length - items.length };
}

function byUrgency(one: NotificationType | null, other: NotificationType | null): number {
  if (one === null || other === null) return one === null ? 1 : -1;
  const urgency = priorities.indexOf(one.priority) - priorities.indexOf(other.priority);
  if (urgency !== 0) return urgency;
  return one.name < other.name ? -1 : one.name > other.name ? 1 : one.key < other.key ? -1 : 1;
}

const entityIdsOf = (members: readonly Member[]) => [
  ...new Set(members.flatMap(({ entityId }) => entityId ?? [])),
];

/** Shortens a title for a list. */
export const listedTitle = (title: string): string => ellipsize(title, titleLimit);

const dateFormats = new Map<string, Intl.DateTimeFormat>();

/**
 * Formats an instant in a time zone and a language; in English where `locale` is unknown. A template could do this too, at many times the
 * cost.
 */
export function whenText(
  at: Date,
  { timeZone, locale }: { timeZone: string; locale: string },
): string {
  let format = dateFormats.get(locale);
  if (!format) {
    if (dateFormats.size >= 100) dateFormats.clear();
    dateFormats.set(locale, (format = dateFormatOf(locale)));
  }
  return format.format(at.getTime() + clockSpanAt(timeZone, at.getTime()).offset);
}

function dateFormatOf(locale: string): Intl.DateTimeFormat {
  const options = { dateStyle: "full", timeStyle: "short", timeZone: "UTC" } as const;
  try {
    return new Intl.DateTimeFormat(locale, options);
  } catch {
    return new Intl.DateTimeFormat("en", options);
  }
}

/**
 * The actions on all members at once: `view` where their type has an address for it, `snooze` for the time of the first member that offers it,
 * and `complete` where every member offers it.
 */
export function groupActions(
  kind: GroupKind,
  members: readonly Member[],
  words: SummaryWords,
): NotificationAction[] {
  const type = kind === "batch" ? members[0]!.type : null;
  const labels = { ...words.groupActions, ...type?.summaryActionLabels };
  const url = kind === "batch" ? viewAllUrl(members) : null;
  const offers = members.map(({ actions }) => actions);
  const snooze = offers.flat().find(({ action }) => action === "snooze");
  const completes = offers.every((own) => own.some(({ action }) => action === "complete"));
  return [
    ...(url === null ? [] : [{ action: "view" as const, url, label: labels.view }]),
    ...(snooze === undefined ? [] : [{ ...snooze, label: labels.snooze }]),
    ...(completes ? [{ action: "complete" as const, label: labels.complete }] : []),
  ];
}

const entityIdsPlace = "{entityIds}";

/** Also null where the address would not name every member, or would be too long for a link. */
function viewAllUrl(members: readonly Member[]): string | null {
  const url = members[0]!.type?.viewAllUrl ?? null;
  if (!url?.includes(entityIdsPlace)) return url;
  if (members.some(({ entityId }) => entityId === null)) return null;
  const ids = entityIdsOf(members).map(encodeURIComponent).join(",");
  const whole = url.replaceAll(entityIdsPlace, () => ids);
  return whole.length > urlLimit ? null : whole;
}
