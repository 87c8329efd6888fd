import { queryOptions } from "@tanstack/react-query";
import type { AnswerOf } from "tidings/client";
import { api } from "../api/client.ts";
import { answerOf, readBody } from "../api/problem.ts";
import type { Campaign } from "../campaigns/queries.ts";

export type CampaignBody = Parameters<typeof api.v1.campaigns.$post>[0]["json"];
export type CampaignPatch = Parameters<(typeof api.v1.campaigns)[":id"]["$patch"]>[0]["json"];
type AudienceBody = Parameters<typeof api.v1.audiences.preview.$post>[0]["json"];
type Audience = NonNullable<AudienceBody["audience"]>;

export type Forecast = AnswerOf<typeof api.v1.campaigns.forecast.$post>;
export type AudiencePreview = AnswerOf<typeof api.v1.audiences.preview.$post>;
export type SampledRecipient = AudiencePreview["sample"][number];

/** A campaign without its numbers, which answers to changes do not have. */
export type EditedCampaign = Omit<Campaign, "counts">;

/** A campaign with the ETag of its version. */
export interface Stored {
  campaign: EditedCampaign;
  etag: string;
}

/** What an edit would change, and which messages it would affect. */
export interface EditPreview {
  changes: Record<string, { from: unknown; to: unknown }>;
  impact: {
    audience: number | null;
    pending: number;
    sending: number;
    alreadySent: number;
    unknown: number;
    ended: number;
    newMessage: number | null;
    oldMessage: number;
  };
  etag: string;
}

async function readStored(responding: Promise<unknown>): Promise<Stored> {
  const response = (await responding) as Response;
  const campaign = (await readBody(response)) as EditedCampaign;
  return { campaign, etag: response.headers.get("etag") ?? "*" };
}

/** The campaign that is edited, as it was when it was opened: what changes elsewhere does not replace what is being typed. */
export const storedQuery = (id: string) =>
  queryOptions({
    queryKey: ["builder", id],
    queryFn: ({ signal }) => readCampaign(id, signal),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });

export const readCampaign = (id: string, signal?: AbortSignal): Promise<Stored> =>
  readStored(api.v1.campaigns[":id"].$get({ param: { id } }, { init: signal ? { signal } : {} }));

export const createCampaign = (json: CampaignBody, key: string): Promise<Stored> =>
  readStored(api.v1.campaigns.$post({ json, header: { "idempotency-key": key } }));

/** Edits the version that the ETag names. Throws an `ApiProblem` with the status 412 if there is a newer one. */
export const editCampaign = (id: string, json: CampaignPatch, etag: string): Promise<Stored> =>
  readStored(
    api.v1.campaigns[":id"].$patch({
      param: { id },
      json,
      query: { dryRun: "false" },
      header: { "if-match": etag },
    }),
  );

/** Asks what an edit would change. Changes nothing. */
export const previewEdit = async (id: string, json: CampaignPatch): Promise<EditPreview> =>
  (await answerOf(
    api.v1.campaigns[":id"].$patch({
      param: { id },
      json,
      query: { dryRun: "true" },
      header: {},
    } as never),
  )) as unknown as EditPreview;

interface Launch {
  /** Null to start it now. */
  startAt: string | null;
  /** Whether no test of the message was sent, which the audit trail then says. */
  withoutTestSend: boolean;
}

/** Starts a draft now, or schedules it. */
export async function startCampaign(
  id: string,
  { startAt, withoutTestSend }: Launch,
  idempotencyKey: string,
) {
  const request = { param: { id }, header: { "idempotency-key": idempotencyKey } };
  const audited = withoutTestSend ? { withoutTestSend } : {};
  if (startAt === null)
    await answerOf(api.v1.campaigns[":id"].start.$post({ ...request, json: audited }));
  else
    await answerOf(
      api.v1.campaigns[":id"].schedule.$post({
        ...request,
        json: { startAt: startAt as never, ...audited },
      }),
    );
}

export const segmentsQuery = queryOptions({
  queryKey: ["segments", "builder"],
  queryFn: ({ signal }) =>
    answerOf(api.v1.segments.$get({ query: { limit: "200" } }, { init: { signal } })),
});

export const typesQuery = queryOptions({
  queryKey: ["notification-types", "builder"],
  queryFn: ({ signal }) =>
    answerOf(api.v1["notification-types"].$get({ query: { limit: "200" } }, { init: { signal } })),
});

/** Counts an audience. A request that a newer one replaces is aborted. */
export const audienceQuery = (audience: unknown) =>
  queryOptions({
    queryKey: ["audience", audience],
    queryFn: ({ signal }) =>
      answerOf(
        api.v1.audiences.preview.$post(
          { json: { audience: audience as Audience } },
          { init: { signal } },
        ),
      ),
    staleTime: 30_000,
    retry: false,
  });

/** The message that a recipient would get; an example recipient if there is none. */
export const messageQuery = (
  { key, version }: { key: string; version: number },
  data: Record<string, unknown>,
  recipient: string | null,
) =>
  queryOptions({
    queryKey: ["message", key, version, data, recipient],
    queryFn: ({ signal }) =>
      answerOf(
        api.v1.templates[":key"].preview.$post(
          {
            param: { key },
            json: { version, data, ...(recipient !== null && { recipient }) } as never,
          },
          { init: { signal } },
        ),
      ),
    retry: false,
    gcTime: 60_000,
  });

/** What would happen to the campaign. It also checks the body as POST /v1/campaigns does. */
export const forecastQuery = (body: CampaignBody) =>
  queryOptions({
    queryKey: ["forecast", body],
    queryFn: ({ signal }) =>
      answerOf(api.v1.campaigns.forecast.$post({ json: body as never }, { init: { signal } })),
    staleTime: 30_000,
    retry: false,
    gcTime: 60_000,
  });

/** Sends a test message of the version that the campaign uses. */
export const sendTest = (
  { key, version }: { key: string; version: number },
  data: Record<string, unknown>,
  recipient: string,
  idempotencyKey: string,
) =>
  answerOf(
    api.v1.templates[":key"].test.$post({
      param: { key },
      json: { recipient, data, version } as never,
      header: { "idempotency-key": idempotencyKey },
    }),
  );
