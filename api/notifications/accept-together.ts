import type { Pool } from "pg";
import { acceptDeliveries, type AcceptRequest, type AcceptRow } from "../../ledger/accept.ts";
import { createGatherer } from "../../lib/gathering.ts";
import { isUndone } from "../http/database-errors.ts";

/** Requests of one statement, and statements under way at once. */
const mostRequests = 64;
const atOnce = 2;
/** A request to more recipients than this goes by itself: it has little to gain, and others would wait for it. */
const mostRecipients = 16;
/** Likewise one with more text than this in what its template is filled with. */
const mostText = 16_384;

/** Says of a request what was written of it, or what stands in the way. */
export type AcceptTogether = (request: AcceptRequest) => Promise<AcceptRow>;

/** Writes what comes in at about the same time in one statement. There is one in an API process. */
export function createAcceptTogether(deps: {
  pool: Pick<Pool, "query">;
  mailboxShards: number;
}): AcceptTogether {
  const { pool, mailboxShards } = deps;
  const acceptApart = async (request: AcceptRequest) =>
    (await acceptDeliveries(pool, [request], { mailboxShards, wait: true }))[0]!;
  const gather = createGatherer({
    doTogether: (requests: readonly AcceptRequest[]) =>
      acceptDeliveries(pool, requests, { mailboxShards, wait: false }),
    doApart: acceptApart,
    isOneItemsFault: isUndone,
    most: mostRequests,
    atOnce,
  });
  return (request) => (isLight(request) ? gather(request) : acceptApart(request));
}

const isLight = ({ externalIds, references, data }: AcceptRequest) =>
  externalIds.length + references.length <= mostRecipients &&
  JSON.stringify(data).length <= mostText;
