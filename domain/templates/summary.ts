import { clockSpanAt } from "../time/local-time.ts";
import type { NotificationAction } from "../notification.ts";
import type { NotificationType } from "../policy/notification-type.ts";
import { priorities } from "../priority.ts";
import type { TemplateContent } from "./content.ts";
import { ellipsize } from "./fields.ts";

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

/** Makes the variables of a digest template. `members` is not empty and in the order of acceptance. */
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
    title: fillCount(digestTitle, members.length),
    count: members.length,
    sections,
    entityIds: entityIdsOf(members).slice(0, entityIdLimit),
  };
}

const digestTitle = "Your digest: {count} notifications";

function batchTitle(type: NotificationType | null, count: number): string {
  return fillCount(type?.summaryTitle ?? `{count} new: ${nameOf(type)}`, count);
}

const fillCount = (title: string, count: number) => title.replaceAll("{count}", String(count));

/** The title of members without a title of their own. */
export const nameOf = (type: NotificationType | null): string => type?.name ?? "Notifications";

const typeScope = (type: NotificationType | null): TypeScope => ({
  key: type?.key ?? null,
  name: nameOf(type),
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

/** The texts of action links that have no label. */
export const actionLabels: Readonly<Record<NotificationAction["action"], string>> = {
  view: "View",
  snooze: "Snooze",
  complete: "Mark as done",
};

/** The texts of actions on all members of a group. Those of a batch's type replace them. */
const groupActionLabels: typeof actionLabels = {
  view: "View all",
  snooze: "Snooze all",
  complete: "Mark all as done",
};

/**
 * The actions on all members at once: `view` where their type has an address for it, `snooze` for the time of the first member that offers it,
 * and `complete` where every member offers it.
 */
export function groupActions(kind: GroupKind, members: readonly Member[]): NotificationAction[] {
  const type = kind === "batch" ? members[0]!.type : null;
  const labels = { ...groupActionLabels, ...type?.summaryActionLabels };
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
  foot: "margin:24px 0 0;padding-top:16px;border-top:1px solid #e4e4e7;font-size:14px",
  footLink: "color:#71717a",
  action:
    "display:inline-block;margin:0 8px 8px 0;padding:8px 16px;border-radius:6px;background:#1d4ed8;color:#fff;text-decoration:none",
};

/** Lists the items of the scope at the path `of`, such as "section.", and the number of further ones. */
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

/** The text of the link to the recipient's preference centre. A preview for operators may have none. */
const changeLabel = "Choose what you get, and when";

const htmlPage = (
  body: string,
) => `<!doctype html><html lang="en"><body style="${styles.page}"><div style="${styles.card}">
<h1 style="${styles.title}">{{ title }}</h1>
${body}{% if actions.size > 0 %}<p style="${styles.actions}">{% for action in actions %}<a href="{{ action.url }}" style="${styles.action}">{{ action.label }}</a>{% endfor %}</p>
{% endif %}{% if preferencesUrl %}<p style="${styles.foot}"><a href="{{ preferencesUrl }}" style="${styles.footLink}">${changeLabel}</a></p>
{% endif %}</div></body></html>
`;

const textPage = (body: string) => `{{ title }}

${body}{% for action in actions %}{% if forloop.first %}
{% endif %}{{ action.label }}: {{ action.url }}
{% endfor %}{% if preferencesUrl %}
${changeLabel}: {{ preferencesUrl }}
{% endif %}`;

/** The first two titles and the number of others, as in "Send the report, Call Ada and 1 other". `items` and `count` are variables. */
const namesBody = `{% assign others = count | minus: 2 %}{% if items.size < 2 %}{% assign others = count | minus: items.size %}{% endif %}{{ items[0].title }}{% if others > 0 %}{% if items.size > 1 %}, {{ items[1].title }}{% endif %} and {{ others }} other{% if others > 1 %}s{% endif %}{% elsif items.size > 1 %} and {{ items[1].title }}{% endif %}`;

/** Every section but the last has an item, so that the first two sections have the first two items. */
const digestNamesBody = `{% assign items = sections[0].items %}{% if sections.size > 1 %}{% assign items = items | concat: sections[1].items %}{% endif %}${namesBody}`;

/** The address of the action `view`; nothing where the group has none. */
const viewUrl = `{% for action in actions %}{% if action.action == "view" %}{{ action.url }}{% endif %}{% endfor %}`;

/** A button for each action of a group, which has at most three. */
const groupButtons = [0, 1, 2].map((index) => ({
  label: `{{ actions[${index}].label }}`,
  url: `{{ actions[${index}].url }}`,
}));

/** The content of a group for the channels other than email. */
const notificationContent = (body: string, category: string) => {
  const fields = { title: "{{ title }}", body, url: viewUrl, actions: groupButtons };
  return { push: { ...fields, icon: "{{ type.summaryIcon }}" }, in_app: { ...fields, category } };
};

/** The templates of groups where the caller names no template, or the template no longer exists. */
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
      ...notificationContent(namesBody, "{{ type.key }}"),
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
      ...notificationContent(digestNamesBody, "digest"),
    },
  },
};
