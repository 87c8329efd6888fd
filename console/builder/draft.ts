import type { Guarantee } from "../words/guarantees.ts";
import type { Priority } from "../../domain/priority.ts";
import type { CampaignBody, CampaignPatch, EditedCampaign } from "./queries.ts";
import { type FilterNode, parseFilter, writeFilter } from "./filter-node.ts";
import { instantsOf } from "./local-time.ts";

/** When a campaign begins: as soon as it is started, or when the clocks of a zone show a time. */
export type Timing =
  | { kind: "now" }
  | {
      kind: "at";
      /** As `2027-03-28T02:30`. */
      local: string;
      zone: string;
      /** Which of the two instants, if the clocks show the time twice. */
      isSecond: boolean;
    };

export interface DraftAudience {
  /** Whether everybody is included who is not excluded. */
  isEverybody: boolean;
  include: string[];
  exclude: string[];
  where: FilterNode | null;
}

/** A campaign as it is being edited. It may lack what the API needs. */
export interface Draft {
  name: string;
  template: { key: string; version: number } | null;
  data: Record<string, unknown>;
  audience: DraftAudience;
  timing: Timing;
  /** Messages per second, as it was typed; empty for no limit. */
  throttle: string;
  guarantee: Guarantee;
  type: string | null;
  /** The key of the topic to which it is sent; null for none. */
  topic: string | null;
  /** Null for that of the notification type. */
  priority: Priority | null;
  /** What is tracked of the emails; null: what the notification type says. */
  tracking: { opens: boolean; clicks: boolean } | null;
  /** The parameters of links, as they were typed; null for none. */
  utm: DraftUtm | null;
  /** What the builder does not edit, and keeps. */
  kept: Pick<EditedCampaign, "route" | "email" | "attachments"> | null;
}

export type DraftUtm = Record<"source" | "medium" | "campaign" | "content" | "term", string>;

export const emptyUtm: DraftUtm = { source: "", medium: "", campaign: "", content: "", term: "" };

export const emptyDraft: Draft = {
  name: "",
  template: null,
  data: {},
  audience: { isEverybody: false, include: [], exclude: [], where: null },
  timing: { kind: "now" },
  throttle: "",
  guarantee: "at_least_once",
  type: null,
  topic: null,
  priority: null,
  tracking: null,
  utm: null,
  kept: null,
};

/** The draft that shows a campaign, with its start in a zone. */
export function draftOf(campaign: EditedCampaign, zone: string): Draft {
  const audience = campaign.audience as {
    all?: true;
    include?: string[];
    exclude?: string[];
    where?: unknown;
  };
  return {
    name: campaign.name,
    template: campaign.template,
    data: campaign.data,
    audience: {
      isEverybody: audience.all === true,
      include: audience.include ?? [],
      exclude: audience.exclude ?? [],
      where: audience.where === undefined ? null : parseFilter(audience.where),
    },
    timing: timingOf(campaign.startAt, zone),
    throttle: campaign.throttle === null ? "" : String(campaign.throttle.perSecond),
    guarantee: campaign.guarantee,
    type: campaign.type,
    topic: campaign.topic,
    priority: campaign.priority,
    tracking: campaign.tracking,
    utm: campaign.utm && {
      ...campaign.utm,
      content: campaign.utm.content ?? "",
      term: campaign.utm.term ?? "",
    },
    kept: { route: campaign.route, email: campaign.email, attachments: campaign.attachments },
  };
}

function timingOf(startAt: string | null, zone: string): Timing {
  if (startAt === null) return { kind: "now" };
  const at = Date.parse(startAt);
  const local = new Intl.DateTimeFormat("sv-SE", {
    timeZone: zone,
    dateStyle: "short",
    timeStyle: "short",
  })
    .format(at)
    .replace(" ", "T");
  const [, second] = instantsOf(zone, local);
  return { kind: "at", local, zone, isSecond: second !== undefined && at >= second };
}

/** The instant at which the campaign is to begin; null for as soon as it is started, undefined while the time is not complete. */
export function startOf(timing: Timing): string | null | undefined {
  if (timing.kind === "now") return null;
  const instants = instantsOf(timing.zone, timing.local);
  const at = instants[timing.isSecond ? 1 : 0] ?? instants[0];
  return at === undefined ? undefined : new Date(at).toISOString();
}

/** The audience as the API has it; null while it names nobody. */
export function audienceOf({ isEverybody, include, exclude, where }: DraftAudience) {
  const filter = where === null ? null : writeFilter(where);
  const excluded = exclude.length > 0 && { exclude };
  if (isEverybody) return { all: true as const, ...excluded };
  if (include.length > 0)
    return { include, ...(filter !== null && { where: filter }), ...excluded };
  return filter === null ? null : { where: filter, ...excluded };
}

/** The body of a campaign without its start; null while parts are missing without which no request makes sense. */
export function bodyOf(draft: Draft): CampaignBody | null {
  const audience = audienceOf(draft.audience);
  if (draft.name.trim() === "" || draft.template === null || audience === null) return null;
  const { name, template, data, guarantee, type, topic, priority, throttle, kept } = draft;
  const { tracking, utm } = draft;
  return {
    name: name.trim(),
    template,
    data,
    audience,
    guarantee,
    type,
    // Drafts that were stored before there were topics have none.
    topic: topic ?? null,
    throttle: throttle.trim() === "" ? null : { perSecond: Number(throttle) },
    tracking,
    utm: utm && Object.fromEntries(Object.entries(utm).filter(([, value]) => value.trim() !== "")),
    ...(priority !== null && { priority }),
    ...(kept && { route: kept.route, email: kept.email, attachments: kept.attachments }),
  } as CampaignBody;
}

/** The fields of a campaign that a draft changes, as an edit. A burst that was set elsewhere stays while its rate does. */
export function changesOf(draft: Draft, base: EditedCampaign): CampaignPatch {
  const startAt = startOf(draft.timing);
  // The form has minutes: the seconds of a start that was set elsewhere stay.
  const isMoved = startAt != null && startAt.slice(0, 16) !== base.startAt?.slice(0, 16);
  const wanted = { ...bodyOf(draft), ...(isMoved && { startAt }) };
  const before: Record<string, unknown> = {
    ...base,
    throttle: base.throttle && { perSecond: base.throttle.perSecond },
  };
  return Object.fromEntries(
    Object.entries(wanted).filter(
      ([field, value]) => value !== undefined && !isSame(value, before[field] ?? null),
    ),
  ) as CampaignPatch;
}

/** Whether two JSON values are the same. The order of keys does not matter. */
export function isSame(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null)
    return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const keysOf = (value: object) =>
    Object.keys(value).filter((key) => (value as Record<string, unknown>)[key] !== undefined);
  const keys = keysOf(one);
  return (
    keys.length === keysOf(other).length &&
    keys.every((key) =>
      isSame((one as Record<string, unknown>)[key], (other as Record<string, unknown>)[key]),
    )
  );
}
