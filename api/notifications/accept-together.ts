import type { Pool } from "pg";
import { acceptDeliveries, type AcceptRequest, type AcceptRow } from "../../ledger/accept.ts";
import { createGatherer } from "../../lib/gathering.ts";
import type { Execute } from "../../ledger/sql.ts";
import { runUntilUndone } from "../../ledger/transaction.ts";
import type { ChosenRoutes } from "./choose-routes.ts";
import { isUndone } from "../http/database-errors.ts";

/** The maximum number of requests that one statement writes. */
const maxRequests = 64;
/** How many such statements run at once. */
const atOnce = 2;
/** A request with more recipients than this has a statement of its own: it would gain little, and make the others wait. */
const maxRecipients = 16;
/** The same holds for a request whose data have more characters than this. */
const maxText = 16_384;

/**
 * Writes a request. Resolves with what was written, or with what prevented it. If the request changes recipients, their routes are chosen
 * again with `chooseRoutes`, within the transaction.
 */
export type AcceptTogether = (
  request: AcceptRequest,
  chooseRoutes: (execute: Execute) => Promise<ChosenRoutes>,
) => Promise<AcceptRow>;

/** Creates the function that writes simultaneous requests in one statement. An API process has one. */
export function createAcceptTogether(deps: { pool: Pool; mailboxShards: number }): AcceptTogether {
  const { pool, mailboxShards } = deps;
  const acceptApart = async (request: AcceptRequest) =>
    (await acceptDeliveries(pool, [request], { mailboxShards, wait: true }))[0]!;
  const gather = createGatherer({
    doTogether: (requests: readonly AcceptRequest[]) =>
      runUntilUndone(pool, (client) =>
        acceptDeliveries(client, requests, { mailboxShards, wait: false }),
      ),
    doApart: acceptApart,
    isOneItemsFault: isUndone,
    most: maxRequests,
    atOnce,
  });
  return (request) => (isLight(request) ? gather(request) : acceptApart(request));
}

const isLight = ({ externalIds, references, data }: AcceptRequest) =>
  externalIds.length + references.length <= maxRecipients && JSON.stringify(data).length <= maxText;
