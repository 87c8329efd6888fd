import { expect, it } from "vitest";
import type { EmailOptions } from "../../activities/channels/email/email.ts";
import type { WatchedGate } from "../../activities/channels/cached-gate.ts";
import { findDiscrepancies } from "../../bench/discrepancies.ts";
import type { SmtpProvider } from "../../config/smtp.ts";
import { deliver, type DeliveredRow, type Guarantee } from "./delivered-rows.ts";
import { channelTo, provider } from "./email-channel.ts";
import {
  startMisbehavingServer,
  type Answers,
  type MisbehavingServer,
} from "./misbehaving-server.ts";

/**
 * How a row ends. `waits`: it stays pending, whatever is asked of it; `given up`: its attempts are used up, each of which was for now
 * only; `rejected`: it was refused for good.
 */
export type Ending = "sent" | "waits" | "given up" | "rejected" | "unknown";

export interface Misbehaviour {
  /** What the server does, after "that". */
  name: string;
  /** Fresh for each conversation, so that it may count. */
  answers: () => Answers;
  /** How each row ends, or may end. */
  ends:
    | Ending
    | readonly Ending[]
    | ((recipient: string, guarantee: Guarantee) => Ending | readonly Ending[]);
  recipients?: readonly string[];
  /** Beside PIPELINING, which comes and goes. */
  extensions?: readonly string[];
  /** In place of one connection and of three. */
  settings?: Partial<SmtpProvider>;
  /** In place of both. */
  guarantee?: Guarantee;
  /** Hand-overs at most, and how far they are apart. */
  attempts?: number;
  retryMs?: number;
  /** How often a row is taken up again that waits. */
  waits?: number;
  /** Short where the server says nothing any more; the second is as long as the first unless given. */
  sendDeadlineMs?: number;
  answerDeadlineMs?: number;
  /** What else must be so. */
  also?: (conversation: Conversation) => void;
}

export interface Conversation {
  guarantee: Guarantee;
  connections: number;
  rows: readonly DeliveredRow[];
  server: MisbehavingServer;
}

export const recipientsNamed = (name: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${name}${index}@example.org`);

/** Each value of each with each value of another. */
const variants: readonly { connections: number; pipelining: boolean; guarantee: Guarantee }[] = [
  { connections: 1, pipelining: true, guarantee: "at_least_once" },
  { connections: 3, pipelining: true, guarantee: "at_most_once" },
  { connections: 1, pipelining: false, guarantee: "at_most_once" },
  { connections: 3, pipelining: false, guarantee: "at_least_once" },
];

/** A test for each of them: the server's own log judges how the rows end. */
export function judgeEach(behaviours: readonly Misbehaviour[]): void {
  const named = behaviours.map((behaviour) => [behaviour.name, behaviour] as const);
  it.concurrent.each(named)("that %s", async (_, behaviour) => {
    const conversations = await Promise.all(
      variants
        .filter(({ guarantee }) => guarantee === (behaviour.guarantee ?? guarantee))
        .map((variant) => converse(behaviour, variant)),
    );
    for (const conversation of conversations) {
      expectAccount(conversation.rows, [conversation.server]);
      expectEndings(conversation, behaviour.ends);
      behaviour.also?.(conversation);
    }
  });
}

async function converse(
  behaviour: Misbehaviour,
  { connections, pipelining, guarantee }: (typeof variants)[number],
): Promise<Conversation> {
  const { extensions = [], settings = {}, recipients = recipientsNamed("r", 6) } = behaviour;
  const server = await startMisbehavingServer(behaviour.answers(), {
    extensions: [...(pipelining ? ["PIPELINING"] : []), ...extensions],
  });
  const rows = await deliverOver(
    [provider(server.port, { connections, ...settings })],
    recipients,
    {
      ...behaviour,
      guarantee,
    },
  );
  await server.close();
  return { guarantee, connections: settings.connections ?? connections, rows, server };
}

/** Delivers by a channel of its own over these providers, behind gates that they may shut. */
export async function deliverOver(
  providers: SmtpProvider[],
  recipients: readonly string[],
  {
    guarantee,
    attempts = 10,
    retryMs = 1,
    waits = 8,
    sendDeadlineMs,
    answerDeadlineMs,
  }: Pick<
    Misbehaviour,
    "attempts" | "retryMs" | "waits" | "sendDeadlineMs" | "answerDeadlineMs"
  > & {
    guarantee: Guarantee;
  },
): Promise<DeliveredRow[]> {
  const channel = channelTo(providers, {
    gates: createShutGates(),
    ...(sendDeadlineMs !== undefined && { sendDeadlineMs }),
    ...(answerDeadlineMs !== undefined && { answerDeadlineMs }),
  });
  // The jitter is left out, which halves it.
  const policy = { baseMs: retryMs * 2, capMs: retryMs * 2, attempts };
  const rows = await deliver(channel, recipients, { guarantee, policy, waits });
  await channel.close();
  return rows;
}

/** Gates without a rate, which stay closed for a given time. */
function createShutGates(): EmailOptions["gates"] {
  const gates = new Map<string, WatchedGate>();
  const createGate = (): WatchedGate => {
    let shutUntilMs = 0;
    const isOpen = (nowMs: number) => nowMs >= shutUntilMs;
    return {
      isOpen,
      opensAt: (nowMs) => (isOpen(nowMs) ? null : shutUntilMs),
      shutSince: () => null,
      room: () => (isOpen(Date.now()) ? Number.POSITIVE_INFINITY : 0),
      enter: () => undefined,
      shut: (untilMs) => void (shutUntilMs = Math.max(shutUntilMs, untilMs)),
    };
  };
  return {
    of(key) {
      const gate = gates.get(key) ?? createGate();
      gates.set(key, gate);
      return gate;
    },
  };
}

/** The rows and the logs of all servers agree, message by message. */
export function expectAccount(
  rows: readonly DeliveredRow[],
  servers: readonly MisbehavingServer[],
): void {
  const found = findDiscrepancies({
    rows: rows.map(({ messageId, recipient, status, attempts }) => ({
      id: messageId,
      status,
      address: recipient,
      unanswered: attempts.filter(({ outcome }) => outcome === "unknown").length,
    })),
    messages: servers.flatMap(({ messages }) => messages),
    audience: new Set(rows.map(({ recipient }) => recipient)),
  });
  expect(found).toEqual([]);
  expect(servers.flatMap(({ strays }) => strays)).toEqual([]);
}

function expectEndings({ rows, guarantee }: Conversation, ends: Misbehaviour["ends"]): void {
  const otherwise = rows.filter((row) => {
    const may = typeof ends === "function" ? ends(row.recipient, guarantee) : ends;
    return !(typeof may === "string" ? [may] : may).includes(endingOf(row));
  });
  expect(
    otherwise.map((row) => ({
      recipient: row.recipient,
      guarantee,
      ended: endingOf(row),
      attempts: row.attempts.map(({ outcome, failure, response }) => [outcome, failure, response]),
    })),
  ).toEqual([]);
}

export function endingOf({ status, reason }: DeliveredRow): Ending {
  if (status === "pending") return "waits";
  if (status === "failed") return reason === "attempts_exhausted" ? "given up" : "rejected";
  if (status === "sent" || status === "unknown") return status;
  throw new Error(`a row ended ${status}`);
}

/** Each row was handed over so often. */
export const expectAttemptsEach =
  (least: number, most = least) =>
  ({ rows }: Conversation): void =>
    expect(
      rows.filter(({ attempts }) => attempts.length < least || attempts.length > most),
    ).toEqual([]);

export const expectOneAttemptEach = expectAttemptsEach(1);
