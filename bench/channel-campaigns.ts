import { setTimeout as sleep } from "node:timers/promises";
import type { Pool } from "pg";
import type { Service } from "../cli/demo/service.ts";
import type { Channel } from "../domain/channel.ts";
import { parsePublicId } from "../domain/ids.ts";
import type { Route } from "../domain/policy/route.ts";
import { data } from "./message.ts";

/** What has arrived at the other side of a channel since the last reset. */
export interface Arrivals {
  reset(): Promise<unknown>;
  count(): Promise<{ arrived: number; duplicated: number }>;
}

type MeasuredChannel = Extract<Channel, "email" | "in_app" | "push">;

interface SentCampaign {
  /** From the start request until the campaign is completed in the ledger. */
  seconds: number;
  lost: number;
  duplicated: number;
}

/** Campaigns to everybody, each by one channel. */
export interface ChannelCampaigns {
  send(channel: MeasuredChannel, recipients: number): Promise<SentCampaign>;
  /** Freezes a campaign of three stages that begin at once, and cancels it. Throws if another number of deliveries was written. */
  freeze(recipients: number): Promise<{ freezeSeconds: number; frozen: number }>;
}

const pollMs = 50;
const patienceMs = 30 * 60_000;

const threeStages: Route = {
  stages: [{ via: ["in_app"] }, { via: ["push"] }, { via: ["email"] }],
};

export function createChannelCampaigns({
  service,
  database,
  mail,
  push,
}: {
  service: Service;
  database: Pool;
  mail: Arrivals;
  push: Arrivals;
}): ChannelCampaigns {
  const create = (name: string, route: Route) =>
    service.createCampaign({
      name,
      template: { key: "weekly" },
      audience: { all: true },
      data,
      route,
    });

  /** Asks the database, because each request to the API costs CPU time that the campaign is measured with. */
  async function untilSet(campaign: string, column: "finished_at" | "frozen_at"): Promise<Date> {
    for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await sleep(pollMs)) {
      const { rows } = await database.query<{ at: Date | null }>(
        `SELECT ${column} AS at FROM campaigns WHERE id = $1`,
        [parsePublicId("campaign", campaign)],
      );
      if (rows[0]?.at) return rows[0].at;
    }
    throw new Error(`the campaign has no ${column} after ${patienceMs / 60_000} minutes`);
  }

  const inbox = (campaign: string): Arrivals => ({
    reset: async () => {},
    async count() {
      const { rows } = await database.query<{ arrived: number }>(
        `SELECT count(*)::int AS arrived FROM deliveries d JOIN inbox_items i ON i.id = d.id WHERE d.campaign_id = $1`,
        [parsePublicId("campaign", campaign)],
      );
      // The id of an item is that of its delivery, so that there cannot be two.
      return { arrived: rows[0]!.arrived, duplicated: 0 };
    },
  });

  return {
    async send(channel, recipients) {
      const id = await create(`${channel} to ${recipients}`, { stages: [{ via: [channel] }] });
      const side = { email: mail, push, in_app: inbox(id) }[channel];
      await side.reset();
      const startedAt = Date.now();
      await service.startCampaign(id);
      const finishedAt = await untilSet(id, "finished_at");
      const account = await service.reconciliation(id);
      if (account.audience !== recipients || !account.reconciled)
        throw new Error(`the ledger does not add up: ${JSON.stringify(account)}`);
      const { arrived, duplicated } = await side.count();
      return {
        seconds: (finishedAt.getTime() - startedAt) / 1_000,
        lost: recipients - Math.min(account.sent + account.delivered, arrived),
        duplicated,
      };
    },
    async freeze(recipients) {
      const id = await create(`three stages to ${recipients}`, threeStages);
      const startedAt = performance.now();
      await service.startCampaign(id);
      // The instant that is stored is that of the beginning of the transaction.
      await untilSet(id, "frozen_at");
      const freezeSeconds = (performance.now() - startedAt) / 1_000;
      await service.cancelCampaign(id);
      const { rows } = await database.query<{ frozen: number }>(
        "SELECT count(*)::int AS frozen FROM deliveries WHERE campaign_id = $1",
        [parsePublicId("campaign", id)],
      );
      const { frozen } = rows[0]!;
      if (frozen !== recipients * threeStages.stages.length)
        throw new Error(`${frozen} deliveries were written for ${recipients} recipients`);
      return { freezeSeconds, frozen };
    },
  };
}
