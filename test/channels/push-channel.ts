import type { Pool } from "pg";
import webPush from "web-push";
import { createBreakers } from "../../activities/channels/breakers.ts";
import { aboutNothing, type SendRequest } from "../../activities/channels/channel.ts";
import { createGateCache } from "../../activities/channels/gate-cache.ts";
import {
  createPushChannel,
  pushGates,
  type PushOptions,
} from "../../activities/channels/push/push.ts";
import { newUuid, publicId } from "../../domain/ids.ts";
import { pushProviders } from "../../domain/push-providers.ts";
import { hashEndpoint, type PushSubscription } from "../../domain/push-subscription.ts";
import { type Sealer, SealedValueError } from "../../domain/sealer.ts";
import { createGates } from "../../ledger/gates.ts";
import { createDeviceLedger } from "../../ledger/push-devices.ts";
import { createOutboundClient } from "../../lib/outbound/client.ts";
import type { Resolve } from "../../lib/outbound/resolving.ts";
import { subnets } from "../support/outbound.ts";
import { waitMs } from "../support/patience.ts";
import { patient } from "./guarded-channel.ts";
import { pushCertificate } from "../support/push-certificate.ts";
import type { PushService } from "../support/push-service.ts";

/** Stands for sealing in these tests: a value can be read only at its place. */
export const openSeal: Sealer = {
  seal: (value, place) => Promise.resolve(Buffer.from(JSON.stringify([place, textOf(value)]))),
  open(sealed, place) {
    const [at, text] = JSON.parse(textOf(sealed)) as [object, string];
    return JSON.stringify(at) === JSON.stringify(place)
      ? Promise.resolve(Buffer.from(text))
      : Promise.reject(new SealedValueError("the value was moved"));
  },
};

const textOf = (value: Uint8Array) => new TextDecoder().decode(value);

export const vapidKeys = webPush.generateVAPIDKeys();

type Subscription = Pick<PushSubscription, "endpoint" | "keys">;

/** Stores a device of a recipient, as registration does. Returns the id of its address. */
export async function registerDevice(
  pool: Pool,
  recipientId: string,
  subscription: Subscription,
  {
    expiresAt = null,
    sealer = openSeal,
  }: { expiresAt?: Date | null; sealer?: Pick<Sealer, "seal"> } = {},
): Promise<string> {
  const id = newUuid();
  const value = await sealer.seal(Buffer.from(JSON.stringify(subscription)), {
    table: "addresses",
    column: "value",
    row: id,
  });
  const { endpoint } = subscription;
  const hostname = URL.canParse(endpoint) ? new URL(endpoint).hostname : "unknown.example.test";
  await pool.query(
    `INSERT INTO addresses (id, recipient_id, channel, kind, value, hash, service, expires_at, last_used_at)
     VALUES ($1, $2, 'push', 'web_push', $3, $4, $5, $6, clock_timestamp())`,
    [id, recipientId, value, hashEndpoint(endpoint), hostname, expiresAt],
  );
  await pool.query(
    "UPDATE recipients SET address_channels = '{push}' WHERE id = $1 AND NOT ('push' = ANY (address_channels))",
    [recipientId],
  );
  return id;
}

/** A client for a push service of a test, under whatever name it is asked. */
export const pushClient = (
  { port }: Pick<PushService, "port">,
  connections = 8,
  resolve: Resolve = () => Promise.resolve(["127.0.0.1"]),
) =>
  createOutboundClient({
    rules: { privateSubnets: subnets("127.0.0.1/32"), ports: [port], plain: false },
    resolve,
    ca: pushCertificate.cert,
    deadlineMs: waitMs,
    connectMs: waitMs,
    headersMs: waitMs,
    bodyMs: waitMs,
    connections,
  });

/** The push channel of a worker, over breakers, gates and devices in a database. It looks for what others do only when asked to. */
export async function pushChannel(
  pool: Pool,
  service: Pick<PushService, "port">,
  { breaker = patient, ...options }: Partial<PushOptions> & { breaker?: typeof patient } = {},
) {
  const refreshMs = 3_600_000;
  const breakers = createBreakers({
    pool,
    providers: pushProviders.map((name) => ({ name, channel: "push" })),
    settings: () => Promise.resolve(breaker),
    refreshMs,
  });
  const gates = createGateCache({ gates: createGates(pool), keys: pushGates, refreshMs });
  const look = async () => {
    await Promise.all([breakers.refresh(), gates.refresh()]);
  };
  await look();
  const channel = createPushChannel({
    vapid: { keys: [vapidKeys], subject: "mailto:operator@example.org" },
    devices: createDeviceLedger(pool),
    sealer: openSeal,
    http: pushClient(service),
    breakers,
    gates,
    inFlightBound: 10,
    deadlineMs: waitMs,
    ...options,
  });
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

/** A request to send a push message. */
export function pushRequest(recipientId: string, settings: Partial<SendRequest> = {}): SendRequest {
  return {
    messageId: publicId("delivery", newUuid()),
    templateVersionId: "tpv_push",
    content: {
      push: { title: "Hi {{ name }}", body: "Your report is due.", url: "https://example.org/17" },
    },
    recipient: {
      id: recipientId,
      externalId: null,
      email: null,
      phone: null,
      timeZone: "UTC",
      locale: "en",
      attributes: {},
    },
    data: { name: "Ann" },
    actions: [],
    receipt: "https://example.org/r/token",
    email: null,
    about: aboutNothing,
    priority: "normal",
    repeatable: true,
    retriesWithinMs: 60_000,
    begin: () => "open",
    ...settings,
  };
}
