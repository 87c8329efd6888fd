import { type EventRow, eventView } from "../../domain/event.ts";
import { parseRetryAfter } from "../../domain/delivery/retry-after.ts";
import { batchId, signatureOf, standardWebhookHeaders } from "../../domain/signature.ts";
import type { AttemptOutcome } from "../../domain/webhook-endpoint.ts";
import type { OutboundClient } from "../../lib/outbound/client.ts";

/** An application that events are sent to. */
export interface EventReceiver {
  url: string;
  /** Each of them signs, the newest first. */
  secrets: readonly string[];
  http: Pick<OutboundClient, "send">;
}

/** A request to a receiver, and what came of it. */
export interface Attempt {
  /** The value of the header `webhook-id`. */
  messageId: string;
  ids: readonly string[];
  outcome: AttemptOutcome;
  /** In words, without addresses: viewers read it. */
  detail: string;
  /** The status of the answer; null without one. */
  status: number | null;
  /** The body of the answer; null without one. */
  answer: string | null;
  durationMs: number;
  /** The wait that the receiver asks for, in milliseconds. */
  retryInMs: number | null;
}

export type DueEvent = EventRow & { attemptCount: number };

/** Where the events of one receiver wait. */
export interface Outbox {
  /** The next events, and who gets them; null if nothing is due or the receiver must not be asked now. */
  read(limit: number): Promise<{ events: readonly DueEvent[]; to: EventReceiver } | null>;
  /** Writes that the events were accepted. */
  settle(attempt: Attempt): Promise<void>;
  /**
   * Writes that the receiver did not accept the events.
   * @param alone the event, if it was refused by itself, so that only this one has to wait
   */
  postpone(attempt: Attempt, alone: DueEvent | null): Promise<void>;
}

const batchEvents = 100;

/**
 * Returns a function that sends the next events of an outbox, up to a hundred in one signed POST, and writes what came of it. It resolves with
 * whether there may be more to send at once. After a refused batch its events are tried one by one, so that one that the receiver cannot read
 * does not stop the others.
 */
export function createPublisher({
  outbox,
  count,
  clock,
  timeoutMs,
}: {
  outbox: Outbox;
  count: (outcome: AttemptOutcome, events: number) => void;
  clock: () => Date;
  timeoutMs: number;
}): () => Promise<boolean> {
  /** The number of events of a refused batch that have yet to be tried one by one. */
  let singly = 0;

  return async () => {
    const next = await outbox.read(singly > 0 ? 1 : batchEvents);
    if (!next) return false;
    const { events, to } = next;
    const attempt = await post(to, events, { clock, timeoutMs });
    const { outcome } = attempt;
    count(outcome, events.length);
    if (outcome === "taken") {
      await outbox.settle(attempt);
      singly = Math.max(0, singly - events.length);
      return true;
    }
    const isRefused = outcome === "refused";
    const isAlone = isRefused && events.length === 1;
    await outbox.postpone(attempt, isAlone ? events[0]! : null);
    if (isRefused) singly = isAlone ? Math.max(0, singly - 1) : events.length;
    return isRefused;
  };
}

async function post(
  { url, secrets, http }: EventReceiver,
  events: readonly EventRow[],
  { clock, timeoutMs }: { clock: () => Date; timeoutMs: number },
): Promise<Attempt> {
  const views = events.map(eventView);
  const body = JSON.stringify({ events: views });
  const messageId = batchId(views.map(({ id }) => id));
  const at = clock();
  const startedMs = performance.now();
  const answer = await http.send({
    url,
    method: "POST",
    headers: {
      "content-type": "application/json",
      "user-agent": "Tidings",
      "tidings-signature": signatureOf({ secrets, body, at }),
      ...standardWebhookHeaders({ id: messageId, secrets, body, at }),
    },
    body,
    wantedHeaders: ["retry-after"],
    deadlineMs: timeoutMs,
  });
  const attempt = {
    messageId,
    ids: events.map(({ id }) => id),
    durationMs: Math.round(performance.now() - startedMs),
  };
  if (answer.kind !== "answered")
    return {
      ...attempt,
      outcome: "unavailable",
      detail: answer.detail,
      status: null,
      answer: null,
      retryInMs: null,
    };
  const { status, headers, text } = answer;
  const retryAfter = headers["retry-after"];
  return {
    ...attempt,
    outcome: outcomeOf(status),
    detail: `answered ${status}`,
    status,
    answer: text,
    retryInMs: retryAfter === undefined ? null : msUntil(retryAfter, clock()),
  };
}

/** Returns the wait that a `Retry-After` header asks for in milliseconds; null if it is malformed. */
function msUntil(retryAfter: string, now: Date): number | null {
  const at = parseRetryAfter(retryAfter, now);
  return at && at.getTime() - now.getTime();
}

function outcomeOf(status: number): AttemptOutcome {
  if (status >= 200 && status < 300) return "taken";
  if (status === 410) return "gone";
  return status >= 500 || [408, 425, 429].includes(status) ? "unavailable" : "refused";
}
