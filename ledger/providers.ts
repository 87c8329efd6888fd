import type { Pool } from "pg";
import type { Channel } from "../domain/channel.ts";
import type { DomainLimits } from "../domain/delivery/domain-limits.ts";
import {
  domainGate,
  type GateLimits,
  isLimited,
  presetBurst,
  providerGate,
} from "../domain/delivery/gates.ts";
import { addBreakers } from "./breakers.ts";
import { clearLimits, endPause, lockLimits, removeLimits, setGate, setRate } from "./gates.ts";
import { defineStatement, type Execute, executeOn } from "./sql.ts";
import { inTransaction } from "./transaction.ts";

/** What the configuration of the workers says of a provider. It contains no secrets. */
export interface ProviderConfiguration {
  name: string;
  channel: Channel;
  kind: string;
  /** The place among the providers of its channel, from 1; null where they have no order. */
  position: number | null;
  /** The connections that a worker opens for ordinary traffic. */
  connections: number;
  /** Null where no limits are configured. */
  limits: GateLimits | null;
  /** The limits by receiving domain; left out where there are none. */
  domains?: readonly DomainLimits[];
}

/** The configuration of a provider in its row. */
export interface StoredConfiguration extends Omit<ProviderConfiguration, "name" | "channel"> {
  /** True once a worker has started whose configuration lacks the provider. The rest is then what it was before. */
  removed?: true;
}

const lockConfigurations = defineStatement<
  { providers: readonly string[] },
  { provider: string; configuration: StoredConfiguration | null }
>(
  "SELECT provider, configuration FROM breakers WHERE provider = ANY (:providers::text[]) ORDER BY provider FOR UPDATE",
);

const writeConfigurations = defineStatement<{
  providers: readonly string[];
  configurations: readonly string[];
}>(`
  UPDATE breakers b SET configuration = given.configuration
  FROM unnest(:providers::text[], :configurations::jsonb[]) AS given(provider, configuration)
  WHERE b.provider = given.provider AND b.configuration IS DISTINCT FROM given.configuration`);

/** The limits of a removed provider stay in force, since workers with the earlier configuration may still use it. */
const markRemoved = defineStatement<{
  providers: readonly string[];
  channels: readonly Channel[];
}>(`
  UPDATE breakers SET configuration = configuration || '{"removed": true}'
  WHERE channel = ANY (:channels::channel[]) AND provider <> ALL (:providers::text[]) AND configuration IS NOT NULL`);

/**
 * Writes the configuration of a worker's providers, which must be all of their channels, and puts their limits in force. Limits that an operator
 * has set since for a provider remain in force until the operator removes them.
 */
export async function configureProviders(
  pool: Pool,
  given: readonly ProviderConfiguration[],
): Promise<void> {
  const providers = given.map(({ name }) => name);
  const channels = given.map(({ channel }) => channel);
  await inTransaction(pool, async (client) => {
    const execute = executeOn(client);
    await execute(addBreakers, { providers, channels });
    const rows = await execute(lockConfigurations, { providers });
    const before = new Map(rows.map(({ provider, configuration }) => [provider, configuration]));
    const inForce = await lockLimits(execute, providers.map(providerGate));
    for (const { name, limits, domains = [] } of given) {
      await configureDomains(execute, name, before.get(name)?.domains ?? [], domains);
      const key = providerGate(name);
      const isOverridden = !isSame(inForce.get(key) ?? null, before.get(name)?.limits ?? null);
      if (isOverridden || isSame(inForce.get(key) ?? null, limits)) continue;
      if (limits) await execute(setGate, { key, ...limits });
      else await clearLimits(execute, key);
    }
    const configurations = given.map(({ kind, position, connections, limits, domains = [] }) => {
      const stored: StoredConfiguration = { kind, position, connections, limits };
      return JSON.stringify(domains.length > 0 ? { ...stored, domains } : stored);
    });
    await execute(writeConfigurations, { providers, configurations });
    await execute(markRemoved, { providers, channels });
  });
}

/** Puts the rates by receiving domain in force. Those of domains that are no longer limited end, together with their pauses. */
async function configureDomains(
  execute: Execute,
  provider: string,
  before: readonly DomainLimits[],
  domains: readonly DomainLimits[],
): Promise<void> {
  for (const { domain, perSecond } of domains) {
    const key = domainGate(provider, domain);
    if (perSecond === null) await clearLimits(execute, key);
    else await setRate(execute, { key, perSecond, burst: presetBurst(perSecond) });
  }
  const limited = new Set(domains.map(({ domain }) => domain));
  for (const { domain } of before)
    if (!limited.has(domain)) await removeLimits(execute, domainGate(provider, domain));
}

/**
 * Ends the limits that an operator has set for a provider, and a pause that the provider asked for. The configured limits are then in force, if there
 * are any. A stop stays.
 */
export async function restoreLimits(execute: Execute, provider: string): Promise<void> {
  const key = providerGate(provider);
  const [row] = await execute(lockConfigurations, { providers: [provider] });
  const limits = row?.configuration?.limits;
  if (!limits) return removeLimits(execute, key);
  await execute(setGate, { key, ...limits });
  await endPause(execute, key);
}

/** Whether two limits are the same. A burst without a rate means nothing. */
function isSame(one: GateLimits | null, other: GateLimits | null): boolean {
  const of = (limits: GateLimits | null) =>
    limits && isLimited(limits)
      ? [
          limits.permitsPerSecond,
          limits.permitsPerSecond === null ? null : limits.burst,
          limits.hourlyQuota,
          limits.dailyQuota,
        ]
      : null;
  return JSON.stringify(of(one)) === JSON.stringify(of(other));
}
