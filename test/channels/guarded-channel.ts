import type { Pool } from "pg";
import { createBreakers } from "../../activities/channels/breakers.ts";
import { emailGates } from "../../activities/channels/email/email.ts";
import { createGates } from "../../ledger/gates.ts";
import { createGateCache } from "../../activities/channels/gate-cache.ts";
import type { SmtpProvider } from "../../config/smtp.ts";
import { defaultPolicy, type Policy } from "../../domain/policy/policy.ts";
import { channelTo } from "./email-channel.ts";

/** Nothing of it passes by itself, and failures in a row open it whatever their share. */
export const patient: Policy["breaker"] = {
  ...defaultPolicy.breaker,
  failureShare: 0,
  openSeconds: 3_600,
};

/** What a worker has to send with, over breakers and gates in a database. It looks for what others do only when asked to. */
export async function guardedChannel(
  pool: Pool,
  providers: SmtpProvider[],
  { breaker = patient } = {},
) {
  const refreshMs = 3_600_000;
  const breakers = createBreakers({
    pool,
    providers: providers.map(({ name }) => ({ name, channel: "email" })),
    settings: () => Promise.resolve(breaker),
    refreshMs,
  });
  const gates = createGateCache({
    gates: createGates(pool),
    keys: emailGates(providers),
    refreshMs,
  });
  const channel = channelTo(providers, { breakers, gates });
  /** Learns what others have written. */
  const look = async () => {
    await Promise.all([breakers.refresh(), gates.refresh()]);
  };
  await look();
  return {
    channel,
    breakers,
    gates,
    look,
    async stop() {
      await channel.close();
      await Promise.all([breakers.close(), gates.close()]);
    },
  };
}
