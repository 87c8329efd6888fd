import { z } from "@hono/zod-openapi";
import { channels } from "../../domain/channel.ts";
import { domainGate, providerGate } from "../../domain/delivery/gates.ts";
import { closeBreaker } from "../../ledger/breakers.ts";
import type { DomainLimits } from "../../domain/delivery/domain-limits.ts";
import { endPause } from "../../ledger/gates.ts";
import type { StoredConfiguration } from "../../ledger/providers.ts";
import { executeIn } from "../../ledger/sql.ts";
import { providerReference } from "../../domain/provider-name.ts";
import type { Breaker, Gate, Prisma } from "../../prisma/generated/client.ts";
import { changeOf } from "../http/audit.ts";
import { gateAnswer, gateJson, gateLimitsAnswer } from "./gates.ts";
import { withIdempotentTransaction, idempotencyHeaders } from "../http/idempotency.ts";
import { notFound } from "../http/problem.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import type { Services } from "../services.ts";

const provider = z
  .object({
    name: z.string().openapi({ example: "smtp-1" }),
    channel: z.enum(channels),
    configuration: z
      .object({
        kind: z.string().openapi({ example: "smtp" }),
        position: z.int().nullable().openapi({
          description:
            "The place among the providers of its channel, from 1, which are tried in this order. Null for push services, because a device has only one",
          example: 1,
        }),
        connections: z.int().openapi({
          description: "Connections that each worker opens for ordinary messages",
          example: 10,
        }),
        limits: gateLimitsAnswer.nullable().openapi({
          description:
            "The configured limits; null if there are none. Those that are in force are in `gate`: an administrator can set others there",
        }),
      })
      .nullable()
      .openapi({
        description:
          "What the configuration of the worker that started last says of the provider. Null if it does not name the provider",
      }),
    breaker: z.object({
      state: z.enum(["closed", "open", "half_open"]).openapi({
        description:
          "The circuit breaker. `closed`: the provider is used. `open`: it failed too often and is not used. `half_open`: it is being tried",
      }),
      failures: z.int().openapi({
        description: "Consecutive failures, counted up to the number that opens the breaker",
        example: 0,
      }),
      failingSince: z.iso
        .datetime()
        .nullable()
        .openapi({ description: "When the first of these failures occurred" }),
      openedAt: z.iso
        .datetime()
        .nullable()
        .openapi({ description: "When the breaker last opened; null if it never did" }),
      closedAt: z.iso
        .datetime()
        .nullable()
        .openapi({ description: "When the breaker last closed again" }),
      nextTrialAt: z.iso.datetime().nullable().openapi({
        description:
          "When the provider will be tried again; during a trial, when the trial is given up and repeated. Null while the breaker is closed",
      }),
      trials: z
        .object({
          taken: z.int().openapi({ example: 2 }),
          passed: z.int().openapi({ example: 1 }),
        })
        .nullable()
        .openapi({
          description:
            "While the breaker is `half_open`: trial calls that were made, and that succeeded",
        }),
      reason: z.string().nullable().openapi({
        description: "The last failure",
        example: "connection: connect ECONNREFUSED 192.0.2.25:587",
      }),
      lastFailedAt: z.iso.datetime().nullable().openapi({
        description: "When the last failure that counted occurred; null if there was none",
      }),
    }),
    recent: z
      .object({
        seconds: z.number().openapi({ description: "The period that was measured", example: 900 }),
        attempts: z.int().openapi({ example: 1_204 }),
        failed: z.int().openapi({ example: 3 }),
      })
      .nullable()
      .openapi({
        description:
          "The attempts of the last minutes, as of some seconds ago, over the same period as the rates of `GET /v1/health`. Null if they cannot be read",
      }),
    domains: z
      .array(
        z.object({
          domain: z.string().openapi({
            description: "The domain of the recipients’ addresses, in its ASCII form",
            example: "gmail.com",
          }),
          connections: z.int().nullable().openapi({
            description:
              "Messages that each worker hands over at the same time; null means no limit",
            example: 2,
          }),
          perSecond: z.number().nullable().openapi({
            description: "Messages per second over all workers; null means no rate",
            example: 20,
          }),
          shutUntil: z.iso.datetime().nullable().openapi({
            description:
              "No message to the domain is sent before this time, because it refused messages for now; null if there is no such pause",
          }),
          shutReason: z.string().nullable().openapi({
            description: "Why messages to the domain are paused",
            example: "smtp_4xx: 451 4.7.1 Too much mail, try again later",
          }),
        }),
      )
      .openapi({ description: "The configured limits by receiving domain" }),
    // A union, because `nullable` would make the shared schema of gates nullable.
    gate: z.union([gateAnswer, z.null()]).openapi({
      description: "The provider’s rate limit and quotas that are in force; null if it has none",
    }),
  })
  .openapi("Provider");

type ProviderAnswer = z.output<typeof provider>;
/** A provider without its recent attempts, which no change affects. */
type ProviderState = Omit<ProviderAnswer, "recent">;

const params = z.object({
  name: z.string().openapi({
    description: "The name of the provider in the configuration of the workers",
    example: "smtp-1",
  }),
});

const list = defineRoute({
  method: "get",
  path: "/v1/providers",
  access: "viewer",
  class: "operations",
  summary: "List all providers that workers use or have used, with their circuit breakers",
  description: "The providers of each channel are in the order in which they are tried.",
  responses: responses(200, "All providers", z.object({ items: z.array(provider) })),
});

const get = defineRoute({
  method: "get",
  path: "/v1/providers/{name}",
  access: "viewer",
  class: "operations",
  summary: "Get a provider",
  request: { params },
  responses: responses(200, "The provider", provider),
});

const reset = defineRoute({
  method: "post",
  path: "/v1/providers/{name}/reset",
  access: "admin",
  needsProof: true,
  summary: "Use a provider again at once: close its breaker and end its pauses",
  description:
    "Pauses of receiving domains end too. Workers notice within a second. A rate limit and a quota stay in force, and so does the stop of an operator.",
  request: {
    params,
    headers: idempotencyHeaders,
  },
  responses: responses(200, "The provider after the change", provider),
});

export function providerRoutes(services: Services) {
  const { prisma, clock, readLedger } = services;

  /** Resolves with a function that adds the recent attempts of a provider. */
  const readRecent = async (): Promise<(state: ProviderState) => ProviderAnswer> => {
    const { reading } = await readLedger();
    return (state) => {
      const recent = reading && {
        seconds: reading.measured.seconds,
        ...(reading.byProvider.get(state.name) ?? { attempts: 0, failed: 0 }),
      };
      return { ...state, recent };
    };
  };

  /** Reads a provider. Throws a 404 if there is none. With `locked` it is locked against other changes until the end of the transaction. */
  const read = async (client: Prisma.TransactionClient, name: string, locked?: "locked") => {
    if (!providerReference.safeParse(name).success) throw notFound("provider", "name");
    if (locked) await client.$queryRaw`SELECT FROM breakers WHERE provider = ${name} FOR UPDATE`;
    const breaker = await client.breaker.findUnique({ where: { provider: name } });
    if (!breaker) throw notFound("provider", "name");
    return providerJson(breaker, await readGates(client, [breaker]), clock());
  };

  return createRouter()
    .openapi(list, async (c) => {
      const breakers = await prisma.breaker.findMany({ orderBy: { provider: "asc" } });
      const gates = await readGates(prisma, breakers);
      const items = breakers.map((row) => providerJson(row, gates, clock()));
      const withRecent = await readRecent();
      return c.json({ items: items.toSorted(byChannelAndPosition).map(withRecent) }, 200);
    })
    .openapi(get, async (c) => {
      const state = await read(prisma, c.req.valid("param").name);
      return c.json((await readRecent())(state), 200);
    })
    .openapi(reset, async (c) => {
      const { name } = c.req.valid("param");
      const withRecent = await readRecent();
      return withIdempotentTransaction(c, services, 200, async (tx) => {
        const before = await read(tx, name, "locked");
        const execute = executeIn(tx);
        await closeBreaker(execute, name);
        for (const key of gatesOf(name, before.domains)) await endPause(execute, key);
        const after = await read(tx, name);
        const changes = [changeOf("provider.reset", name, before, after)];
        return { body: withRecent(after), changes };
      });
    });
}

/** The keys of the gates of a provider: its own, and those of its domains. */
const gatesOf = (name: string, domains: readonly Pick<DomainLimits, "domain">[]): string[] => [
  providerGate(name),
  ...domains.map(({ domain }) => domainGate(name, domain)),
];

const configurationOf = ({ configuration }: Breaker): StoredConfiguration | null => {
  const stored = configuration as StoredConfiguration | null;
  return stored && !stored.removed ? stored : null;
};

/** Reads the gates of providers and of their domains, by their keys. */
async function readGates(
  client: Prisma.TransactionClient,
  breakers: readonly Breaker[],
): Promise<ReadonlyMap<string, Gate>> {
  const keys = breakers.flatMap((row) =>
    gatesOf(row.provider, configurationOf(row)?.domains ?? []),
  );
  const gates = await client.gate.findMany({ where: { key: { in: keys } } });
  return new Map(gates.map((gate) => [gate.key, gate]));
}

/** Providers without an order, and those that are no longer configured, come last. The sort is stable. */
function byChannelAndPosition(one: ProviderState, other: ProviderState): number {
  const placeOf = ({ channel, configuration }: ProviderState) =>
    1_000 * channels.indexOf(channel) + (configuration?.position ?? 999);
  return placeOf(one) - placeOf(other);
}

function providerJson(
  breaker: Breaker,
  gates: ReadonlyMap<string, Gate>,
  now: Date,
): ProviderState {
  const { state, failedAt, openedAt, closedAt, nextTrialAt, trialsTaken, trialsPassed, reason } =
    breaker;
  const stored = configurationOf(breaker);
  const gate = gates.get(providerGate(breaker.provider));
  return {
    name: breaker.provider,
    channel: breaker.channel,
    configuration: stored && {
      kind: stored.kind,
      position: stored.position,
      connections: stored.connections,
      limits: stored.limits,
    },
    breaker: {
      state,
      failures: failedAt.length,
      failingSince: failedAt[0]?.toISOString() ?? null,
      openedAt: openedAt?.toISOString() ?? null,
      closedAt: closedAt?.toISOString() ?? null,
      nextTrialAt: nextTrialAt?.toISOString() ?? null,
      trials: state === "half_open" ? { taken: trialsTaken, passed: trialsPassed } : null,
      reason,
      lastFailedAt: breaker.lastFailedAt?.toISOString() ?? null,
    },
    domains: (stored?.domains ?? []).map((limits) => {
      const its = gates.get(domainGate(breaker.provider, limits.domain));
      const isShut = its != null && its.shutUntil !== null && its.shutUntil > now;
      return {
        ...limits,
        shutUntil: isShut ? its.shutUntil!.toISOString() : null,
        shutReason: isShut ? its.shutReason : null,
      };
    }),
    gate: gate ? gateJson(gate, now) : null,
  };
}
