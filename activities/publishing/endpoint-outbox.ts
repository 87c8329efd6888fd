import type { Pool } from "pg";
import { type RetryPolicy, retryDelayMs } from "../../domain/delivery/settle.ts";
import { publicId } from "../../domain/ids.ts";
import { type Sealer, SealedValueError } from "../../domain/sealer.ts";
import { keptAnswerCharacters } from "../../domain/webhook-endpoint.ts";
import { bindStatement, executeOn, type Statement } from "../../ledger/sql.ts";
import {
  postponeQueued,
  type ReadyEndpoint,
  readQueued,
  settleQueued,
  type StoredAttempt,
} from "../../ledger/webhook-endpoints.ts";
import type { OutboundClient } from "../../lib/outbound/client.ts";
import type { Write } from "./configured-outbox.ts";
import type { Attempt, Outbox } from "./publisher.ts";

/** The events that one endpoint has yet to accept. While it is unavailable, all of them wait; what it refuses waits alone. */
export function createEndpointOutbox({
  id,
  pool,
  sealer,
  http,
  write,
  retry,
  random,
}: {
  /** The UUID of the endpoint. */
  id: string;
  pool: Pick<Pool, "query">;
  sealer: Pick<Sealer, "open">;
  http: Pick<OutboundClient, "send">;
  write: Write;
  retry: RetryPolicy;
  random: () => number;
}): Outbox {
  let failureCount = 0;

  const openSecret = async (column: "secret" | "previous_secret", sealed: Uint8Array) =>
    Buffer.from(
      await sealer.open(sealed, { table: "webhook_endpoints", column, row: id }),
    ).toString("utf8");

  async function openSecrets({ secret, previousSecret }: ReadyEndpoint): Promise<string[]> {
    const newest = await openSecret("secret", secret);
    return previousSecret === null
      ? [newest]
      : [newest, await openSecret("previous_secret", previousSecret)];
  }

  const execute = <Values extends object>(
    statement: Statement<Values, unknown>,
    values: Values,
  ) => {
    const { text, values: bound } = bindStatement(statement, values);
    return write(text, bound);
  };

  const waitOfEndpoint = (retryInMs: number | null) =>
    retryInMs ?? retryDelayMs(retry, failureCount + 1, random());

  const outbox: Outbox = {
    async read(limit) {
      const queued = await readQueued(executeOn(pool), id, limit);
      if (!queued) return null;
      const { endpoint, events } = queued;
      ({ failureCount } = endpoint);
      try {
        return { events, to: { url: endpoint.url, secrets: await openSecrets(endpoint), http } };
      } catch (error) {
        if (!(error instanceof SealedValueError)) throw error;
        await outbox.postpone(unsignable, null);
        return null;
      }
    },
    settle: (attempt) => execute(settleQueued, toStored(id, attempt)),
    postpone(attempt, alone) {
      const isRefused = attempt.outcome === "refused";
      return execute(postponeQueued, {
        ...toStored(id, attempt),
        publicId: publicId("webhookEndpoint", id),
        eventWaitMs: alone ? retryDelayMs(retry, alone.attemptCount + 1, random()) : null,
        endpointWaitMs: isRefused ? null : waitOfEndpoint(attempt.retryInMs),
      });
    },
  };
  return outbox;
}

/** The attempt of an endpoint whose secret cannot be opened. Nothing is sent without a signature. */
const unsignable: Attempt = {
  messageId: "",
  ids: [],
  outcome: "unavailable",
  detail:
    "not sent: the secret of the endpoint cannot be decrypted, because a sealing key is missing",
  status: null,
  answer: null,
  durationMs: 0,
  retryInMs: null,
};

/** PostgreSQL stores no NUL. */
const toText = (answer: string) => answer.slice(0, keptAnswerCharacters).replaceAll("\0", "");

const toStored = (
  endpointId: string,
  { messageId, ids, outcome, status, detail, answer, durationMs }: Attempt,
): StoredAttempt => ({
  endpointId,
  messageId,
  eventIds: ids,
  outcome,
  status,
  detail,
  answer: answer === null ? null : toText(answer),
  durationMs,
});
