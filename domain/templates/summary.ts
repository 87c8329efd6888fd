import { clockSpanAt } from "../time/local-time.ts";
import type { NotificationAction } from "../notification.ts";
import type { NotificationType } from "../policy/notification-type.ts";
import { priorities } from "../priority.ts";
import { cutText } from "../text.ts";
import type { TemplateContent } from "./template.ts";

/** Deliveries that go out as one message: one type's within a while, or a recipient's digest. */
export type GroupKind = "batch" | "digest";

/** A delivery that goes out with others. */
export interface Member {
  type: NotificationType | null;
  /** What it is about, in its caller's words. */
  entityId: string | null;
  actions: readonly NotificationAction[];
}

/** What a summary shows of one member. */
export interface SummaryItem {
  /** What its own message would be called. */
  title: string;
  entityId: string | null;
  /** The time that it is about, ISO 8601, and as the recipient would write it down. */
  occursAt: string | null;
  when: string | null;
  /** Where it can be seen; null where it offers no such thing. */
  url: string | null;
}

/** Members, the first of them shown: `count` is what is shown and `more`. */
type Counted<Shown> = { count: number; items: Shown[]; more: number };

/** How templates know a type. */
type TypeScope = { key: string | null; name: string };

type SummaryScope = {
  title: string;
  /** Of what the members are about, each once, the first `entityIdLimit`. */
  entityIds: string[];
};

/** What the template of a batch is filled with. */
export type BatchScope<Shown> = SummaryScope & Counted<Shown> & { type: TypeScope };

/** What the template of a digest is filled with. */
export type DigestScope<Shown> = SummaryScope & {
  count: number;
  /** By type, the most urgent first. */
  sections: (Counted<Shown> & { type: TypeScope })[];
};

const entityIdLimit = 100;
/** Items that one digest shows at most, whatever it shows of each type: mail programs cut off what is longer. */
const digestItemLimit = 100;
/** UTF-16 units of a title in a list. */
const titleLimit = 120;
/** As long as the address of an action may be. */
const urlLimit = 2_000;

/** What a batch says of its members: never empty, of one type, in the order in which they were asked for. */
export function batchScope<Of extends Member>(
  members: readonly Of[],
  { itemsShown }: { itemsShown: number },
): BatchScope<Of> {
  const type = members[0]!.type;
  const counted = cut(members, itemsShown);
  return {
    title: batchTitle(type, counted.count),
    type: typeScope(type),
    ...counted,
    entityIds: entityIdsOf(members).slice(0, entityIdLimit),
  };
}

/** What a digest says of its members: never empty, in the order in which they were asked for. */
export function digestScope<Of extends Member>(
  members: readonly Of[],
  { itemsShownPerType }: { itemsShownPerType: number },
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
      return { type: typeScope(type), ...counted };
    });
  return {
    title: filled(digestTitle, members.length),
    count: members.length,
    sections,
    entityIds: entityIdsOf(members).slice(0, entityIdLimit),
  };
}

const digestTitle = "Your digest: {count} notifications";

function batchTitle(type: NotificationType | null, count: number): string {
  return filled(type?.summaryTitle ?? `{count} new: ${nameOf(type)}`, count);
}

const filled = (title: string, count: number) => title.replaceAll("{count}", String(count));

/** What members of no type, or without a title of their own, are called. */
export const nameOf = (type: NotificationType | null): string => type?.name ?? "Notifications";

const typeScope = (type: NotificationType | null): TypeScope => ({
  key: type?.key ?? null,
  name: nameOf(type),
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

/** A title as a list shows it: of bounded length. */
export function listedTitle(title: string): string {
  return title.length <= titleLimit ? title : `${cutText(title, titleLimit - 1)}…`;
}

const dateFormats = new Map<string, Intl.DateTimeFormat>();

/**
 * An instant by the clocks of `timeZone`, in the words of `locale`; in English where that is unknown. Templates could say
 * it too, at many times the cost.
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

/** What the links of a message say where it does not. */
export const actionLabels: Readonly<Record<NotificationAction["action"], string>> = {
  view: "View",
  snooze: "Snooze",
  complete: "Mark as done",
};

/**
 * What can be done about all members at once: to see them, where their type says where; to snooze them, as long as the first
 * that offers it says; to be done with them, where each of them offers that.
 */
export function groupActions(kind: GroupKind, members: readonly Member[]): NotificationAction[] {
  const url = kind === "batch" ? viewAllUrl(members) : null;
  const offers = members.map(({ actions }) => actions);
  const snooze = offers.flat().find(({ action }) => action === "snooze");
  const completes = offers.every((own) => own.some(({ action }) => action === "complete"));
  return [
    ...(url === null ? [] : [{ action: "view" as const, url, label: "View all" }]),
    ...(snooze === undefined ? [] : [{ ...snooze, label: "Snooze all" }]),
    ...(completes ? [{ action: "complete" as const, label: "Mark all as done" }] : []),
  ];
}

const entityIdsPlace = "{entityIds}";

/** Null too where it would not name every member, or be too long to be linked to. */
function viewAllUrl(members: readonly Member[]): string | null {
  const url = members[0]!.type?.viewAllUrl ?? null;
  if (!url?.includes(entityIdsPlace)) return url;
  if (members.some(({ entityId }) => entityId === null)) return null;
  const ids = entityIdsOf(members).map(encodeURIComponent).join(",");
  const whole = url.replaceAll(entityIdsPlace, () => ids);
  return whole.length > urlLimit ? null : whole;
}

const styles = {
  page: "margin:0;padding:24px 12px;background:#f4f4f5;color:#18181b;font:16px/1.5 -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif",
  card: "max-width:560px;margin:0 auto;padding:24px;background:#fff;border-radius:8px",
  title: "margin:0 0 16px;font-size:20px;line-height:1.3",
  section: "margin:24px 0 8px;font-size:16px;line-height:1.3",
  list: "margin:0;padding:0;list-style:none",
  item: "padding:8px 0;border-top:1px solid #e4e4e7",
  link: "color:#1d4ed8",
  quiet: "margin:8px 0 0;color:#71717a;font-size:14px",
  when: "display:block;color:#71717a;font-size:14px",
  actions: "margin:24px 0 0",
  action:
    "display:inline-block;margin:0 8px 8px 0;padding:8px 16px;border-radius:6px;background:#1d4ed8;color:#fff;text-decoration:none",
};

/** The items of `of`, and how many more there are. */
const htmlList = (of: string) =>
  `{% if ${of}items.size > 0 %}<ul style="${styles.list}">
{% for item in ${of}items %}<li style="${styles.item}">{% if item.url %}<a href="{{ item.url }}" style="${styles.link}">{{ item.title }}</a>{% else %}{{ item.title }}{% endif %}{% if item.when %}<span style="${styles.when}">{{ item.when }}</span>{% endif %}</li>
{% endfor %}</ul>
{% endif %}{% if ${of}more > 0 %}<p style="${styles.quiet}">and {{ ${of}more }} more</p>
{% endif %}`;

const textList = (of: string) =>
  `{% for item in ${of}items %}- {{ item.title }}{% if item.when %} ({{ item.when }}){% endif %}{% if item.url %}
  {{ item.url }}{% endif %}
{% endfor %}{% if ${of}more > 0 %}and {{ ${of}more }} more
{% endif %}`;

const htmlPage = (
  body: string,
) => `<!doctype html><html lang="en"><body style="${styles.page}"><div style="${styles.card}">
<h1 style="${styles.title}">{{ title }}</h1>
${body}{% if actions.size > 0 %}<p style="${styles.actions}">{% for action in actions %}<a href="{{ action.url }}" style="${styles.action}">{{ action.label }}</a>{% endfor %}</p>
{% endif %}</div></body></html>
`;

const textPage = (body: string) => `{{ title }}

${body}{% for action in actions %}{% if forloop.first %}
{% endif %}{{ action.label }}: {{ action.url }}
{% endfor %}`;

/** What groups go out with where no template of the caller's is named, or the one that is named is no more. */
export const defaultSummaries: Record<
  GroupKind,
  { templateVersionId: string; content: TemplateContent }
> = {
  batch: {
    templateVersionId: "default-batch-1",
    content: {
      email: {
        subject: "{{ title }}",
        html: htmlPage(htmlList("")),
        text: textPage(textList("")),
      },
    },
  },
  digest: {
    templateVersionId: "default-digest-1",
    content: {
      email: {
        subject: "{{ title }}",
        html: htmlPage(
          `{% for section in sections %}<h2 style="${styles.section}">{{ section.type.name }} ({{ section.count }})</h2>
${htmlList("section.")}{% endfor %}`,
        ),
        text: textPage(
          `{% for section in sections %}{% unless forloop.first %}
{% endunless %}{{ section.type.name }} ({{ section.count }})
${textList("section.")}{% endfor %}`,
        ),
      },
    },
  },
};
