import webPush from "web-push";
import type { Attempt } from "../../../domain/delivery/attempt.ts";
import type { PushProvider } from "../../../domain/push-providers.ts";
import type { StoredSubscription } from "../../../domain/push-subscription.ts";
import type { OutboundClient } from "../../../lib/outbound/client.ts";
import type { TurnShare } from "../../../lib/turn-share.ts";
import type { Breaker } from "../breakers.ts";
import type { WatchedGate } from "../cached-gate.ts";
import {
  describePushFailure,
  judgePush,
  type PushVerdict,
  wantedHeaders,
} from "./push-verdicts.ts";
import type { VapidSigner } from "./vapid.ts";

/** A message to one device. */
export interface DevicePush {
  /** The UUID of the address. */
  deviceId: string;
  subscription: StoredSubscription;
  /** The payload in UTF-8. */
  body: Buffer;
  /** Seconds for which the push service keeps the message for its device. */
  ttl: number;
  urgency: "low" | "normal" | "high";
  topic: string | null;
  /** Asked immediately before the first byte is written. */
  begin(): boolean;
  signal: AbortSignal;
}

/** A hand-over to one device. */
export interface DeviceAttempt {
  verdict: PushVerdict;
  startedAt: Date;
  finishedAt: Date;
}

interface Options {
  name: PushProvider;
  http: Pick<OutboundClient, "send">;
  vapid: VapidSigner;
  breaker: Pick<Breaker, "succeeded" | "failed">;
  gate: Pick<WatchedGate, "shut">;
  /** Shared by all push services of a channel. */
  share: TurnShare;
  deadlineMs: number;
  /** A service with this many requests under way that answers none of them for a while gets no more of them. */
  stallsAt: number;
  /** Returns milliseconds since the epoch. */
  clock: () => number;
}

/** How long a service with many requests may answer nothing. */
const stallMs = 3_000;
/** For how long it is then left alone at least. */
const stallRestMs = 1_000;
const rememberedPairs = 10_000;

/** The number of messages that are encrypted in one turn of the event loop, each of which takes about a millisecond. */
export const encryptionsInTurn = 4;

/** The push services of one provider. Nothing is repeated here, except with another pair of keys where the first one was refused. */
export class PushService {
  readonly #options: Options;
  #pending = 0;
  /** When a request was last answered, or begun while no other was under way. Monotonic. */
  #progressAtMs = 0;
  /** The pair of keys with which devices accepted a message, where that is not the first. */
  readonly #pairs = new Map<string, number>();

  constructor(options: Options) {
    this.#options = options;
  }

  get name(): PushProvider {
    return this.#options.name;
  }

  /** The milliseconds for which messages are turned away because earlier ones are not answered; 0 if they are not. */
  get restMs(): number {
    const isStalled =
      this.#pending >= this.#options.stallsAt && performance.now() - this.#progressAtMs > stallMs;
    return isStalled ? stallRestMs : 0;
  }

  /** A trial is sent whether or not earlier requests are answered. */
  wake(): void {
    this.#progressAtMs = performance.now();
  }

  /** Sends a message to a device. Never rejects. */
  async push(push: DevicePush): Promise<DeviceAttempt> {
    const { clock, vapid } = this.#options;
    const startedAt = new Date(clock());
    const first = this.#pairs.get(push.deviceId) ?? 0;
    let verdict = await this.#request(push, first);
    for (let pair = 0; verdict.kind === "other_key" && pair < vapid.pairs; pair += 1)
      if (pair !== first) {
        verdict = await this.#request(push, pair);
        if (verdict.kind === "accepted") this.#rememberPair(push.deviceId, pair);
      }
    this.#report(verdict);
    return { verdict, startedAt, finishedAt: new Date(clock()) };
  }

  async #request(push: DevicePush, pair: number): Promise<PushVerdict> {
    const { http, vapid, share, deadlineMs, clock } = this.#options;
    const { subscription, body, ttl, urgency, topic, signal } = push;
    const { endpoint, keys } = subscription;
    for (let turn = share.wait(); turn; turn = share.wait()) await turn;
    share.spend(1);
    let encrypted: Buffer;
    let authorization: string;
    try {
      encrypted = webPush.encrypt(keys.p256dh, keys.auth, body, "aes128gcm").cipherText;
      authorization = vapid.authorize(new URL(endpoint).origin, pair);
    } catch {
      return unreadable;
    }
    if (this.#pending === 0) this.#progressAtMs = performance.now();
    this.#pending += 1;
    const outcome = await http.send({
      url: endpoint,
      method: "POST",
      headers: {
        authorization,
        "content-encoding": "aes128gcm",
        "content-type": "application/octet-stream",
        ttl: String(ttl),
        urgency,
        ...(topic !== null && { topic }),
      },
      body: encrypted,
      wantedHeaders,
      begin: () => push.begin(),
      signal,
      deadlineMs,
    });
    this.#pending -= 1;
    if (outcome.kind === "answered") this.#progressAtMs = performance.now();
    return judgePush(outcome, endpoint, new Date(clock()));
  }

  #rememberPair(deviceId: string, pair: number): void {
    this.#pairs.delete(deviceId);
    if (pair === 0) return;
    this.#pairs.set(deviceId, pair);
    if (this.#pairs.size > rememberedPairs) this.#pairs.delete(this.#pairs.keys().next().value!);
  }

  #report(verdict: PushVerdict): void {
    const { breaker, gate } = this.#options;
    if (verdict.kind === "rest") gate.shut(verdict.untilMs, describePushFailure(verdict));
    else if (verdict.signal === "answered") breaker.succeeded();
    else if (verdict.signal === "failed") breaker.failed(describePushFailure(verdict));
  }
}

/** The verdict on a device whose stored subscription is damaged: its keys, or its endpoint. */
export const unreadable: PushVerdict = {
  kind: "refused",
  failure: "address_unreadable",
  response: "the stored subscription cannot be read",
  signal: "nothing",
};

/** The attempt of the ledger that stands for a message. */
export const attemptOf = (
  outcome: Attempt["outcome"],
  provider: PushProvider | null,
  { verdict, startedAt, finishedAt }: DeviceAttempt,
  response: string,
): Attempt => ({
  provider,
  outcome,
  failure: outcome === "sent" ? null : verdict.failure,
  response,
  startedAt,
  finishedAt,
});
