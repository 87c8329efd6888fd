import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import {
  type CampaignFigures,
  createType,
  measureCampaign,
  measureWork,
  medianOf,
  type PreparedStack,
} from "./measure-campaign.ts";
import { data, person } from "./message.ts";
import type { Sink } from "./sink-process.ts";

/** Figures while the numbers of reports and lists are kept up to date, and while they are not. */
interface Compared {
  with: CampaignFigures;
  without: CampaignFigures;
}

/** What numbers cost: those of a campaign, and those of notifications of 50 types through the mailbox. */
export interface AnalyticsCost {
  campaign: Compared;
  mixed: Compared;
}

const rounds = 3;
const types = Array.from({ length: 50 }, (_, n) => `bench.mixed-${n}`);
const inRequest = 100;
const pollMs = 20;

/**
 * Measures what it costs to add the changes of numbers to their cells, for reports and lists together: half of the runs are made while a lock keeps
 * the workers from it. The changes themselves are written in both.
 */
export async function measureAnalyticsCost(
  on: PreparedStack,
  sink: Sink,
  recipients: number,
  say: (line: string) => void,
): Promise<AnalyticsCost> {
  for (const key of types) await createType(on.stack, { key, name: key });
  const client = new pg.Client({ connectionString: on.stack.databaseUrl });
  await client.connect();
  const untilFolded = async () => {
    const count = async () => {
      const { rows } = await client.query<{ count: number }>(
        "SELECT count(*)::int FROM delivery_count_changes",
      );
      return rows[0]!.count;
    };
    while ((await count()) > 0) await sleep(pollMs);
  };
  const compare = async (
    measure: (settle?: () => Promise<void>) => Promise<CampaignFigures>,
  ): Promise<Compared> => {
    const figures = { with: [] as CampaignFigures[], without: [] as CampaignFigures[] };
    for (let round = 0; round < rounds; round += 1) {
      await untilFolded();
      figures.with.push(await measure(untilFolded));
      // The lock of `foldCounts`.
      await client.query("SELECT pg_advisory_lock(hashtext('delivery_counts'))");
      figures.without.push(await measure());
      await client.query("SELECT pg_advisory_unlock(hashtext('delivery_counts'))");
    }
    return { with: medianOf(figures.with), without: medianOf(figures.without) };
  };
  try {
    say("sending campaigns with and without numbers");
    const campaign = await compare((settle) =>
      measureCampaign({ on, type: "bench.plain" }, recipients, settle),
    );
    say(`sending notifications of ${types.length} types with and without numbers`);
    const mixed = await compare((settle) =>
      measureWork(on.stack, recipients, settle, () => sendMixed(on, sink, recipients)),
    );
    return { campaign, mixed };
  } finally {
    await client.end();
  }
}

/** Posts notifications whose types take turns, and waits until they have arrived. Resolves with the milliseconds that this took. */
async function sendMixed({ service }: PreparedStack, sink: Sink, count: number): Promise<number> {
  await sink.reset();
  const startedAt = Date.now();
  for (let from = 0; from < count; from += inRequest)
    await service.notify({
      recipients: Array.from(
        { length: Math.min(inRequest, count - from) },
        (_, n) => person(from + n).externalId,
      ),
      template: { key: "weekly" },
      type: types[(from / inRequest) % types.length]!,
      data,
    });
  return (await sink.reached(count)) - startedAt;
}
