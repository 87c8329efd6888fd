import type { Pool } from "pg";
import type { RecipientAction } from "../../domain/action.ts";
import type { ActionLinks } from "../../domain/action-links.ts";
import { publicId } from "../../domain/ids.ts";
import type { NotificationAction } from "../../domain/notification.ts";
import { expiryOf } from "../../domain/policy/expiry.ts";
import type { Policy } from "../../domain/policy/policy.ts";
import {
  batchScope,
  digestScope,
  groupActions,
  type GroupKind,
  listedTitle,
  type Member,
  nameOf,
  type SummaryItem,
  whenText,
} from "../../domain/templates/summary.ts";
import { defaultSummaries } from "../../domain/templates/default-summaries.ts";
import { summaryWordsFor } from "../../domain/templates/summary-words.ts";
import { Effort } from "../../domain/templates/effort.ts";
import { matchLocale } from "../../domain/templates/locales.ts";
import {
  type ActionLink,
  compileSubject,
  emailScope,
  renderSubject,
} from "../../domain/templates/template.ts";
import { TemplateError } from "../../domain/templates/template-error.ts";
import type { ActionTarget } from "../../domain/tokens.ts";
import { resolveTracking } from "../../domain/tracking/settings.ts";
import { findMailingList } from "../../domain/unsubscribing.ts";
import { TurnShare } from "../../lib/turn-share.ts";
import type { MessageAbout } from "../channels/channel.ts";
import type { Content } from "./send-job.ts";
import type { DueDelivery, DueGroup } from "../../ledger/ledger.ts";
import type { Source } from "../../ledger/sources.ts";

type GroupPart = Pick<DueGroup, "id" | "kind">;

/** A delivery and its source: the fields that the content of its message depends on. */
export interface Part {
  delivery: Pick<
    DueDelivery,
    "id" | "campaignId" | "recipient" | "channel" | "priority" | "linksEpoch"
  > &
    Partial<Pick<DueDelivery, "preferences">> & {
      group: GroupPart | null;
    };
  source: Pick<
    Source,
    | "templateVersionId"
    | "content"
    | "data"
    | "type"
    | "topic"
    | "email"
    | "occursAt"
    | "entityId"
    | "actions"
    | "collapseKey"
    | "expiresAt"
    | "askedAt"
  > &
    Partial<Pick<Source, "extras" | "tracking" | "utm" | "isPreferenceLink">>;
}

/** Builds the content of messages: the template's for a single delivery, a summary for several deliveries that go out together. */
export interface Summaries {
  /**
   * Prepares a page of messages, each named by its first part. The function that it resolves with takes all parts of one
   * message. A single part goes out as its own message, whatever its group. A member whose template or links fail is reported in
   * `faults`, and the others go out without it.
   */
  of(
    firsts: readonly Part[],
    policy: Pick<Policy, "batching" | "digest">,
  ): Promise<(parts: readonly Part[], now: Date) => Content | Promise<Content>>;
}

type Template = Pick<Content, "templateVersionId" | "content">;

/** The maximum number of template steps for a title in a list: a title that needs more is not worth it. */
const titleSteps = 1_000;
/** The number of template steps for titles in one turn of the event loop, after which other work is let in. */
const titleStepsInTurn = 2_000;

export function createSummaries({
  pool,
  links,
}: {
  pool: Pick<Pool, "query">;
  links: ActionLinks;
}): Summaries {
  const share = new TurnShare(titleStepsInTurn);

  /** The active versions of templates, by key. Missing and archived templates are left out. */
  const read = async (keys: ReadonlySet<string>): Promise<Map<string, Template>> => {
    if (keys.size === 0) return new Map();
    const { rows } = await pool.query<Template & { key: string }>({
      name: "summary-templates",
      text: `
        SELECT t.key, v.id AS "templateVersionId", v.content
        FROM templates t JOIN template_versions v ON v.template_id = t.id AND v.version = t.active_version
        WHERE t.key = ANY($1::text[]) AND t.archived_at IS NULL`,
      values: [[...keys]],
    });
    return new Map(rows.map(({ key, ...template }) => [key, template]));
  };

  return {
    async of(firsts, policy) {
      const keyOf = ({ delivery: { group }, source: { type } }: Part) =>
        group?.kind === "digest" ? policy.digest.template : (type?.summaryTemplate ?? null);
      const keys = firsts.flatMap((part) => (part.delivery.group && keyOf(part)) ?? []);
      const templates = await read(new Set(keys));
      const titleOf = createTitles(share);

      const buildSingle = ({ delivery, source }: Part, now: Date) => {
        const { id, channel, linksEpoch: epoch } = delivery;
        const content: Content = {
          messageId: publicId("delivery", id),
          templateVersionId: source.templateVersionId,
          content: source.content,
          data: source.data,
          actions: [],
          email: source.email,
          ...(source.extras && { extras: source.extras }),
          ...listOf({ delivery, source }, null, { delivery: id }),
          ...trackingOf([{ delivery, source }], { delivery: id }),
          ...addressesOf({ delivery, source }, now),
          about: describeMessage([source], null),
        };
        const offered = actionsOf(source);
        // Most messages offer no action. Those are built synchronously, since there are thousands a second.
        if (offered.length === 0 && !hasDevices(channel)) return content;
        const signing = { epoch, now };
        const linked = linksTo(offered, delivery.recipient, (action) =>
          links.forDelivery(id, action, signing),
        );
        if (!hasDevices(channel)) return linked.then((actions) => ({ ...content, actions }));
        const receipt = links.forReceipt({ delivery: id }, signing);
        return Promise.all([linked, receipt]).then(([actions, address]) => ({
          ...content,
          actions,
          receipt: address,
        }));
      };

      /** The mailing list of an email, of which `part` is the first or the only part. */
      const listOf = (
        { delivery, source: { type, topic } }: Part,
        group: GroupKind | null,
        message: ActionTarget,
      ): Pick<Content, "list"> => {
        const { channel, campaignId, priority, recipient } = delivery;
        if (channel !== "email") return {};
        const isOfCampaign = campaignId !== null;
        const list = findMailingList({ type, topic, isOfCampaign, group, priority });
        if (list === null) return {};
        const { name, ...scope } = list;
        const campaign = isOfCampaign ? publicId("campaign", campaignId) : "";
        const kind = group ?? (isOfCampaign ? "campaign" : "notification");
        const unsubscription = { recipientId: recipient.id, ...scope, message };
        const { url, mailto } = links.forUnsubscribing(unsubscription);
        return {
          list: {
            name,
            unsubscribeUrl: url,
            ...(mailto !== null && { unsubscribeMailto: mailto }),
            feedback: `${campaign}:${name}:${kind}`,
            isBulk: isOfCampaign,
          },
        };
      };

      /** Those addresses of an email that its template names: of its recipient's preference centre, and of itself in a browser. */
      const addressesOf = (
        { delivery: { id, channel, recipient, linksEpoch: epoch }, source }: Part,
        now: Date,
      ): Pick<Content, "preferencesUrl" | "browserUrl"> => {
        if (channel !== "email") return {};
        const { preferences, browser } = findNamedAddresses(source.content);
        if (!preferences && !browser) return {};
        // Other emails show senders their link: a template can send it anywhere.
        const mayErase = source.isPreferenceLink === true;
        const signing = { epoch, now, mayErase };
        return {
          ...(preferences && { preferencesUrl: links.forPreferences(recipient.id, signing) }),
          ...(browser && { browserUrl: links.forBrowser(id, { epoch }) }),
        };
      };

      const buildItem = async ({ delivery, source }: Part, now: Date): Promise<SummaryItem> => {
        const { entityId, occursAt } = source;
        const view = actionsOf(source).find(({ action }) => action === "view");
        for (let turn = share.wait(); turn; turn = share.wait()) await turn;
        return {
          title: titleOf({ delivery, source }),
          entityId,
          occursAt: occursAt?.toISOString() ?? null,
          when: occursAt && whenText(occursAt, delivery.recipient),
          url: view
            ? await links.forDelivery(delivery.id, withoutLabel(view), {
                epoch: delivery.linksEpoch,
                now,
              })
            : null,
        };
      };

      const dataOf = async (
        kind: GroupKind,
        members: readonly (Member & { part: Part })[],
        now: Date,
      ): Promise<Record<string, unknown>> => {
        const words = summaryWordsFor(members[0]!.part.delivery.recipient.locale);
        const withItems = async <Counted extends { items: readonly { part: Part }[] }>(
          counted: Counted,
        ) => ({
          ...counted,
          items: await Promise.all(counted.items.map(({ part }) => buildItem(part, now))),
        });
        if (kind === "batch") return withItems(batchScope(members, policy.batching, words));
        const digest = digestScope(members, policy.digest, words);
        return { ...digest, sections: await Promise.all(digest.sections.map(withItems)) };
      };

      const buildGroup = async (
        parts: readonly Part[],
        group: GroupPart,
        now: Date,
      ): Promise<Content> => {
        const members = parts
          .toSorted(compareByRequest)
          .map((part) => ({ ...memberOf(part), part }));
        const key = keyOf(parts[0]!);
        const named = key === null ? undefined : templates.get(key);
        const { channel, recipient, linksEpoch: epoch } = parts[0]!.delivery;
        const signing = { epoch, now };
        const words = summaryWordsFor(recipient.locale);
        return {
          messageId: publicId("group", group.id),
          ...(named ?? defaultSummaries[group.kind]),
          email: group.kind === "batch" ? (parts[0]!.source.type?.email ?? null) : null,
          ...listOf(parts[0]!, group.kind, { group: group.id }),
          ...trackingOf(parts, { group: group.id }),
          ...(channel === "email" && {
            preferencesUrl: links.forPreferences(recipient.id, { ...signing, mayErase: false }),
          }),
          about: describeMessage(
            members.map(({ part: { source } }) => source),
            group.kind,
          ),
          ...(named && { fallback: defaultSummaries[group.kind] }),
          data: await dataOf(group.kind, members, now),
          actions: await linksTo(groupActions(group.kind, members, words), recipient, (action) =>
            links.forGroup(group.id, action, signing),
          ),
          ...(hasDevices(channel) && {
            receipt: await links.forReceipt({ group: group.id }, signing),
          }),
        };
      };

      /**
       * Builds the message from the members that can be rendered, with the faults of the others. Rethrows the fault where it is
       * not due to single members, or no member is left.
       */
      const buildWithoutFaulty = async (
        parts: readonly Part[],
        fault: unknown,
        now: Date,
      ): Promise<Content> => {
        const faults = new Map<string, unknown>();
        for (const part of parts)
          await buildItem(part, now).catch((own: unknown) => faults.set(part.delivery.id, own));
        const rest = parts.filter(({ delivery }) => !faults.has(delivery.id));
        if (faults.size === 0 || rest.length === 0) throw fault;
        return { ...(await build(rest, now)), faults };
      };

      const build = (parts: readonly Part[], now: Date): Content | Promise<Content> => {
        const [first] = parts as [Part];
        const { group } = first.delivery;
        if (parts.length === 1 || group === null) return buildSingle(first, now);
        return buildGroup(parts, group, now).catch((fault: unknown) =>
          buildWithoutFaulty(parts, fault, now),
        );
      };
      return build;
    },
  };
}

/** Whether the messages of a channel go to devices, which report what became of them. */
const hasDevices = (channel: DueDelivery["channel"]) => channel === "push";

/** Describes the message of these sources. A group expires when the last of its members does. */
function describeMessage(
  sources: readonly Part["source"][],
  group: GroupKind | null,
): MessageAbout {
  const [first] = sources as [Part["source"]];
  const expiries = sources.map(({ askedAt, expiresAt, type }) =>
    expiryOf({
      askedAt: askedAt.getTime(),
      expiresAt: expiresAt?.getTime() ?? null,
      timeToLiveSeconds: type?.timeToLiveSeconds ?? null,
    }),
  );
  const last = Math.max(...expiries.map((expiry) => expiry ?? Infinity));
  return {
    type: group === "digest" ? null : (first.type?.key ?? null),
    group,
    count: sources.length,
    entityIds: [...new Set(sources.flatMap(({ entityId }) => entityId ?? []))],
    collapseKey: group === null ? first.collapseKey : null,
    expiresAt: last === Infinity ? null : new Date(last),
  };
}

interface NamedAddresses {
  preferences: boolean;
  browser: boolean;
}

const namedAddresses = new WeakMap<object, NamedAddresses>();

/** Finds which addresses a template names, since others are not signed. The answer is kept for its other messages. */
function findNamedAddresses(content: Content["content"]): NamedAddresses {
  const known = namedAddresses.get(content);
  if (known !== undefined) return known;
  const text = JSON.stringify(content);
  const found = {
    preferences: text.includes("preferencesUrl"),
    browser: text.includes("browserUrl"),
  };
  namedAddresses.set(content, found);
  return found;
}

/** What is tracked of an email: what is tracked of each of its parts. Its links have the parameters of a campaign if it is its only part. */
function trackingOf(parts: readonly Part[], message: ActionTarget): Pick<Content, "tracking"> {
  const [{ delivery, source }] = parts as [Part];
  if (delivery.channel !== "email") return {};
  let { opens, clicks } = resolvePart(parts[0]!);
  for (const part of parts.slice(1)) {
    const own = resolvePart(part);
    opens &&= own.opens;
    clicks &&= own.clicks;
  }
  const isSingle = parts.length === 1;
  const utm = isSingle ? (source.utm ?? null) : null;
  if (!opens && !clicks && utm === null) return {};
  const { type } = source;
  const isOfOneType = parts.every((part) => part.source.type === type);
  const switchId =
    (isSingle ? delivery.campaignId : null) ?? (isOfOneType ? (type?.id ?? null) : null);
  return { tracking: { message, opens, clicks, utm, switchId } };
}

const resolvePart = ({ delivery: { preferences, priority }, source: { type, tracking } }: Part) =>
  resolveTracking({
    campaign: tracking ?? null,
    type,
    preference: preferences?.tracking,
    priority,
  });

/** Orders parts by when they were requested: ids are made in the order of time. */
const compareByRequest = ({ delivery: one }: Part, { delivery: other }: Part) =>
  one.id < other.id ? -1 : 1;

const actionsOf = ({ actions }: Part["source"]) => actions as readonly NotificationAction[];

const memberOf = ({ source }: Part): Member => ({
  type: source.type,
  entityId: source.entityId,
  actions: actionsOf(source),
});

const linksTo = (
  actions: readonly NotificationAction[],
  { locale }: { locale: string },
  link: (action: RecipientAction) => Promise<string>,
): Promise<ActionLink[]> =>
  Promise.all(
    actions.map(async (offered) => ({
      action: offered.action,
      label: offered.label ?? summaryWordsFor(locale).actions[offered.action],
      url: await link(withoutLabel(offered)),
    })),
  );

/** The part of an action that its token contains: the label does not change what the action does. */
function withoutLabel(offered: NotificationAction): RecipientAction {
  switch (offered.action) {
    case "view":
      return { action: "view", url: offered.url };
    case "snooze":
      return { action: "snooze", minutes: offered.minutes };
    case "complete":
      return { action: "complete" };
  }
}

/**
 * Returns a function that gives the title of a member in a summary. The title is the name of the type where it cannot be
 * rendered or is empty, and for all further members with a template version of which one title needed too many steps.
 */
function createTitles(share: TurnShare): (part: Part) => string {
  const subjects = new Map<string, ReturnType<typeof compileSubject> | null>();
  return ({ delivery: { recipient }, source: { templateVersionId, content, data, type } }) => {
    const effort = new Effort(titleSteps);
    const locale = matchLocale(content, recipient.locale);
    const key = locale === null ? templateVersionId : `${templateVersionId} ${locale}`;
    try {
      let subject = subjects.get(key);
      if (subject === undefined) subjects.set(key, (subject = compileSubject(content, locale)));
      if (subject === null) return nameOf(type, summaryWordsFor(recipient.locale));
      const title = renderSubject(subject, emailScope(recipient, data), effort);
      return listedTitle(title) || nameOf(type, summaryWordsFor(recipient.locale));
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      if (effort.isExceeded) subjects.set(key, null);
      return nameOf(type, summaryWordsFor(recipient.locale));
    } finally {
      share.spend(effort.spent);
    }
  };
}
