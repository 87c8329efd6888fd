import type { Pool } from "pg";
import type { RecipientAction } from "../../domain/action.ts";
import type { ActionLinks } from "../../domain/action-links.ts";
import { publicId } from "../../domain/ids.ts";
import type { NotificationAction } from "../../domain/notification.ts";
import type { Policy } from "../../domain/policy/policy.ts";
import {
  actionLabels,
  batchScope,
  defaultSummaries,
  digestScope,
  groupActions,
  type GroupKind,
  listedTitle,
  type Member,
  nameOf,
  type SummaryItem,
  whenText,
} from "../../domain/templates/summary.ts";
import { Effort } from "../../domain/templates/effort.ts";
import {
  type ActionLink,
  compileSubject,
  emailScope,
  renderSubject,
  TemplateError,
} from "../../domain/templates/template.ts";
import { TurnShare } from "../../lib/turn-share.ts";
import type { Content } from "./send-job.ts";
import type { DueDelivery, DueGroup } from "../../ledger/ledger.ts";
import type { Source } from "../../ledger/sources.ts";

type GroupPart = Pick<DueGroup, "id" | "kind">;

/** Of a delivery and what it brings, what its message says something of. */
export interface Part {
  delivery: Pick<DueDelivery, "id" | "recipient" | "linksEpoch"> & { group: GroupPart | null };
  source: Pick<
    Source,
    | "templateVersionId"
    | "content"
    | "data"
    | "type"
    | "email"
    | "occursAt"
    | "entityId"
    | "actions"
  >;
}

/** What messages say: a delivery what its template says; several, that go out together, a summary. */
export interface Summaries {
  /**
   * For a page of messages, each by its first part. The function that it resolves with is given all parts of one message; if
   * there is but one, it goes out as itself, whatever its group. A member of which nothing can be said fails by itself; the others
   * go out.
   */
  of(
    firsts: readonly Part[],
    policy: Pick<Policy, "batching" | "digest">,
  ): Promise<(parts: readonly Part[], now: Date) => Content | Promise<Content>>;
}

type Template = Pick<Content, "templateVersionId" | "content">;

/** Of a title in a list: one that takes more is not worth it. */
const titleSteps = 1_000;
/** Of all titles in one turn of the event loop, before other work comes between. */
const titleStepsInTurn = 2_000;

export function createSummaries({
  pool,
  links,
}: {
  pool: Pick<Pool, "query">;
  links: ActionLinks;
}): Summaries {
  const share = new TurnShare(titleStepsInTurn);

  /** The active versions of templates that are neither missing nor archived, by key. */
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

      const itself = ({ delivery: { id, linksEpoch: epoch }, source }: Part, now: Date) => {
        const content = {
          messageId: publicId("delivery", id),
          templateVersionId: source.templateVersionId,
          content: source.content,
          data: source.data,
          actions: [] as ActionLink[],
          email: source.email,
        };
        const offered = actionsOf(source);
        // Of thousands a second most offer none: nothing is waited for.
        if (offered.length === 0) return content;
        const linked = linksTo(offered, (action) => links.forDelivery(id, action, { epoch, now }));
        return linked.then((actions) => ({ ...content, actions }));
      };

      const shown = async ({ delivery, source }: Part, now: Date): Promise<SummaryItem> => {
        const { entityId, occursAt } = source;
        const view = actionsOf(source).find(({ action }) => action === "view");
        for (let turn = share.wait(); turn; turn = share.wait()) await turn;
        return {
          title: titleOf({ delivery, source }),
          entityId,
          occursAt: occursAt?.toISOString() ?? null,
          when: occursAt && whenText(occursAt, delivery.recipient),
          url: view
            ? await links.forDelivery(delivery.id, unlabelled(view), {
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
        const show = async <Counted extends { items: readonly { part: Part }[] }>(of: Counted) => ({
          ...of,
          items: await Promise.all(of.items.map(({ part }) => shown(part, now))),
        });
        if (kind === "batch") return show(batchScope(members, policy.batching));
        const digest = digestScope(members, policy.digest);
        return { ...digest, sections: await Promise.all(digest.sections.map(show)) };
      };

      const together = async (
        parts: readonly Part[],
        group: GroupPart,
        now: Date,
      ): Promise<Content> => {
        const members = parts.toSorted(inOrder).map((part) => ({ ...memberOf(part), part }));
        const key = keyOf(parts[0]!);
        const named = key === null ? undefined : templates.get(key);
        return {
          messageId: publicId("group", group.id),
          ...(named ?? defaultSummaries[group.kind]),
          email: group.kind === "batch" ? (parts[0]!.source.type?.email ?? null) : null,
          ...(named && { fallback: defaultSummaries[group.kind] }),
          data: await dataOf(group.kind, members, now),
          actions: await linksTo(groupActions(group.kind, members), (action) =>
            links.forGroup(group.id, action, { epoch: parts[0]!.delivery.linksEpoch, now }),
          ),
        };
      };

      /** The members of which something can be said go out together; of the others it is told why nothing can. */
      const withoutFaulty = async (
        parts: readonly Part[],
        fault: unknown,
        now: Date,
      ): Promise<Content> => {
        const faults = new Map<string, unknown>();
        for (const part of parts)
          await shown(part, now).catch((own: unknown) => faults.set(part.delivery.id, own));
        const rest = parts.filter(({ delivery }) => !faults.has(delivery.id));
        if (faults.size === 0 || rest.length === 0) throw fault;
        return { ...(await say(rest, now)), faults };
      };

      const say = (parts: readonly Part[], now: Date): Content | Promise<Content> => {
        const [first] = parts as [Part];
        const { group } = first.delivery;
        if (parts.length === 1 || group === null) return itself(first, now);
        return together(parts, group, now).catch((fault: unknown) =>
          withoutFaulty(parts, fault, now),
        );
      };
      return say;
    },
  };
}

/** In which they were asked for: ids are made in the order of time. */
const inOrder = ({ delivery: one }: Part, { delivery: other }: Part) =>
  one.id < other.id ? -1 : 1;

const actionsOf = ({ actions }: Part["source"]) => actions as readonly NotificationAction[];

const memberOf = ({ source }: Part): Member => ({
  type: source.type,
  entityId: source.entityId,
  actions: actionsOf(source),
});

const linksTo = (
  actions: readonly NotificationAction[],
  link: (action: RecipientAction) => Promise<string>,
): Promise<ActionLink[]> =>
  Promise.all(
    actions.map(async (offered) => ({
      action: offered.action,
      label: offered.label ?? actionLabels[offered.action],
      url: await link(unlabelled(offered)),
    })),
  );

/** What a token says of an action: its label is no part of what is done. */
function unlabelled(offered: NotificationAction): RecipientAction {
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
 * What the messages of members would be called. What cannot be rendered, or is empty, is called what its type is; and so are all others of
 * a version of which one title took too much.
 */
function createTitles(share: TurnShare): (part: Part) => string {
  const subjects = new Map<string, ReturnType<typeof compileSubject> | null>();
  return ({ delivery: { recipient }, source: { templateVersionId, content, data, type } }) => {
    const effort = new Effort(titleSteps);
    try {
      let subject = subjects.get(templateVersionId);
      if (subject === undefined)
        subjects.set(templateVersionId, (subject = compileSubject(content)));
      if (subject === null) return nameOf(type);
      const title = renderSubject(subject, emailScope(recipient, data), effort);
      return listedTitle(title) || nameOf(type);
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      if (effort.isExceeded) subjects.set(templateVersionId, null);
      return nameOf(type);
    } finally {
      share.spend(effort.spent);
    }
  };
}
