import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { Service } from "../cli/demo/service.ts";
import type { TemporaryStack } from "../cli/demo/temporary-stack.ts";
import { data } from "./message.ts";
import { percentile } from "./percentile.ts";
import { meterProcesses } from "./processes.ts";

/** A stack that `prepareService` has prepared. */
export interface PreparedStack {
  stack: TemporaryStack;
  service: Service;
}

/** What messages cost: the rate, and CPU time and bytes of the write-ahead log for each message. */
export interface CampaignFigures {
  perSecond: number;
  workerMicros: number;
  postgresMicros: number;
  walBytes: number;
}

export interface MeasuredCampaign {
  on: PreparedStack;
  /** The key of the notification type. */
  type: string;
}

const pollMs = 50;

/** Creates a notification type. */
export async function createType(
  { urls, apiKey }: Pick<TemporaryStack, "urls" | "apiKey">,
  type: Record<string, unknown>,
): Promise<void> {
  const { status } = await fetch(`${urls.api}/v1/notification-types`, {
    method: "POST",
    headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
    body: JSON.stringify(type),
  });
  if (status !== 201) throw new Error(`the type was answered with ${status}`);
}

/**
 * Measures a campaign to all recipients, from the start request until it is completed in the ledger.
 * @param settle waits for work of the stack that belongs to the campaign: it counts, except for the rate
 */
export async function measureCampaign(
  { on, type }: MeasuredCampaign,
  recipients: number,
  settle?: () => Promise<void>,
): Promise<CampaignFigures> {
  const { service } = on;
  const id = await service.createCampaign({
    name: `Of ${type}`,
    template: { key: "weekly" },
    type,
    audience: { all: true },
    data,
  });
  const figures = await measureWork(on.stack, recipients, settle, async () => {
    const startedAt = Date.now();
    await service.startCampaign(id);
    let finishedAt: Date | null = null;
    while (finishedAt === null) {
      await sleep(pollMs);
      ({ finishedAt } = await service.campaign(id));
    }
    return finishedAt.getTime() - startedAt;
  });
  const account = await service.reconciliation(id);
  if (account.audience !== recipients || account.sent !== recipients)
    throw new Error(`the ledger does not add up: ${JSON.stringify(account)}`);
  return figures;
}

/** Measures what `send` costs. It resolves with the milliseconds in which `messages` were sent. */
export async function measureWork(
  { pids, databaseUrl }: Pick<TemporaryStack, "pids" | "databaseUrl">,
  messages: number,
  settle: (() => Promise<void>) | undefined,
  send: () => Promise<number>,
): Promise<CampaignFigures> {
  const { worker, postgres } = pids();
  const before = await readWritten(databaseUrl);
  const meter = meterProcesses({ worker, postgres });
  const ms = await send();
  await settle?.();
  const cpu = meter.cpuSeconds();
  const micros = (seconds: number) => (seconds * 1e6) / messages;
  return {
    perSecond: (messages * 1_000) / ms,
    workerMicros: micros(cpu.worker),
    postgresMicros: micros(cpu.postgres),
    walBytes: ((await readWritten(databaseUrl)) - before) / messages,
  };
}

/** The bytes of the write-ahead log so far. */
async function readWritten(databaseUrl: string): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ bytes: string }>(
      "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn AS bytes",
    );
    return Number(rows[0]!.bytes);
  } finally {
    await client.end();
  }
}

/** The medians of the figures. */
export function medianOf(all: readonly CampaignFigures[]): CampaignFigures {
  const median = (name: keyof CampaignFigures) =>
    percentile(
      all.map((one) => one[name]),
      0.5,
    );
  return {
    perSecond: median("perSecond"),
    workerMicros: median("workerMicros"),
    postgresMicros: median("postgresMicros"),
    walBytes: median("walBytes"),
  };
}
