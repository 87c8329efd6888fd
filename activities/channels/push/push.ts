import { setMaxListeners } from "node:events";
import type { Logger } from "pino";
import { dayMs } from "../../../domain/time/durations.ts";
import type { VapidSettings } from "../../../config/vapid.ts";
import { channelGate, providerGate } from "../../../domain/delivery/gates.ts";
import { parsePublicId } from "../../../domain/ids.ts";
import type { Priority } from "../../../domain/priority.ts";
import type { PushText } from "../../../domain/push-payload.ts";
import { pushProviderOf, pushProviders } from "../../../domain/push-providers.ts";
import { readSubscription, type StoredSubscription } from "../../../domain/push-subscription.ts";
import type { Sealer } from "../../../domain/sealer.ts";
import type { Device, DeviceLedger, OwedDevices } from "../../../ledger/push-devices.ts";
import type { OutboundClient } from "../../../lib/outbound/client.ts";
import { TurnShare } from "../../../lib/turn-share.ts";
import { createAdmissions, type ProviderEndpoint } from "../admission.ts";
import type { Breakers } from "../breakers.ts";
import type { Channel, SendRequest, SendResult } from "../channel.ts";
import type { GateCache } from "../gate-cache.ts";
import { askAll, awaitOpening, type GateAnswer, type Passage } from "../passage.ts";
import { Rendering, TakesLong, unrenderable } from "../rendering.ts";
import { createDeviceStore } from "./device-store.ts";
import { createPushRenderer } from "./push-renderer.ts";
import { combineOutcomes, type DeviceOutcome, sentBefore } from "./push-result.ts";
import { type DevicePush, encryptionsInTurn, PushService, unreadable } from "./push-service.ts";
import { createVapidSigner } from "./vapid.ts";

export interface PushOptions {
  vapid: VapidSettings;
  /** The devices of recipients. */
  devices: DeviceLedger;
  /** Opens the subscriptions of devices. */
  sealer: Pick<Sealer, "open">;
  /** The way out, which the channel closes. */
  http: Pick<OutboundClient, "send" | "close">;
  /** The breakers of `pushProviders`. */
  breakers: Pick<Breakers, "of" | "recoveredAt">;
  /** The gates of `pushGates`. */
  gates: Pick<GateCache, "of">;
  /** As in `Channel`. */
  inFlightBound: number;
  /** The time for a request to a push service, from the wait for a connection to the end of the answer. */
  deadlineMs?: number;
  /** Returns milliseconds since the epoch. */
  clock?: () => number;
  logger?: Logger;
}

/** The keys of the gates that the channel passes: its own, and one for each provider. */
export const pushGates: readonly string[] = [
  channelGate("push"),
  ...pushProviders.map((name) => providerGate(name)),
];

interface Line extends ProviderEndpoint {
  provider: PushService;
}

/** How long push services have for their answers once the channel closes. */
const closeMs = 20_000;
/** When devices are read again after the database could not be reached. */
const awayMs = 1_000;
/** When a message is tried again while requests to other hosts take every place. */
const busyMs = 5_000;
const usualTtlMs = dayMs;
/** Four weeks, the longest time that push services keep messages. */
const longestTtlMs = 28 * dayMs;

const urgencies: Record<Priority, DevicePush["urgency"]> = {
  critical: "high",
  high: "high",
  normal: "normal",
  low: "low",
};

/**
 * Creates the channel of web push. A message goes to all devices of its recipient at once, and is sent if one of them takes it. Devices that
 * have taken a message are recorded while it is owed to others, so that a retry asks only those. A device that its push service does
 * not know any more is disabled.
 */
export function createPushChannel({
  vapid,
  devices,
  sealer,
  http,
  breakers,
  gates,
  inFlightBound,
  deadlineMs = 30_000,
  clock = Date.now,
  logger,
}: PushOptions): Channel {
  const rendering = new Rendering(createPushRenderer(clock), {
    clock,
    maxWaiting: Math.max(1, Math.floor(inFlightBound / 2)),
  });
  const store = createDeviceStore(devices, logger);
  const signer = createVapidSigner(vapid, clock);
  const share = new TurnShare(encryptionsInTurn);
  const ownGate = gates.of(channelGate("push"));
  const lines = new Map(
    pushProviders.map((name) => {
      const breaker = breakers.of(name);
      const gate = gates.of(providerGate(name));
      const provider = new PushService({
        name,
        http,
        vapid: signer,
        breaker,
        gate,
        share,
        deadlineMs,
        stallsAt: Math.max(2, Math.floor(inFlightBound / 2)),
        clock,
      });
      const line: Line = { breaker, gate, provider };
      return [
        name,
        { ...line, admissions: createAdmissions({ gate: ownGate, lines: [line], clock }) },
      ];
    }),
  );
  const admissions = createAdmissions({ gate: ownGate, lines: [...lines.values()], clock });
  const stopping = new AbortController();
  // Every request listens to it.
  setMaxListeners(0, stopping.signal);
  let isClosed = false;

  const holdFor = (ms: number): Extract<SendResult, { kind: "held" }> => ({
    kind: "held",
    reason: "provider_unavailable",
    until: new Date(clock() + ms),
  });

  async function send(request: SendRequest): Promise<SendResult> {
    if (isClosed) return holdFor(awayMs);
    if (ownGate.opensAt(clock()) !== null) return admissions.holdMessage();
    const messageId = uuidOf(request.messageId);
    const recipientId = uuidOf(request.recipient.id);
    let owed: OwedDevices;
    try {
      owed = await store.owed({ messageId, recipientId });
    } catch {
      return holdFor(awayMs);
    }
    if (owed.devices.length === 0) {
      if (!owed.wasAccepted) return withoutDevice;
      store.forgetAnswers(messageId);
      return sentBefore();
    }
    const rendered = await render(request);
    if ("result" in rendered) return rendered.result;
    return sendToDevices(request, messageId, owed, rendered.message);
  }

  async function render(
    request: SendRequest,
  ): Promise<{ message: PushText } | { result: SendResult }> {
    if (rendering.isApart(request)) return rendering.renderApart(request, null);
    for (let turn = rendering.waitForTurn(); turn; turn = rendering.waitForTurn()) await turn;
    try {
      return { message: rendering.render(request, null) };
    } catch (fault) {
      if (fault instanceof TakesLong) return rendering.renderApart(request, null);
      return { result: unrenderable(fault) };
    }
  }

  async function sendToDevices(
    request: SendRequest,
    messageId: string,
    { devices: asked, wasAccepted }: OwedDevices,
    { text, topic }: PushText,
  ): Promise<SendResult> {
    const own = ownGate.enter();
    const terms = {
      body: Buffer.from(text),
      urgency: urgencies[request.priority],
      topic,
      passages: own ? [...(request.passages ?? []), own] : (request.passages ?? []),
    };
    const taken = new Set<string>();
    const recorded = new Map<string, Promise<boolean>>();
    const record = (addressId: string) => {
      if (!recorded.has(addressId))
        recorded.set(addressId, store.recordAnswer({ messageId, addressId }));
    };
    const ended = new Set<string>();
    const push = async (device: Device): Promise<DeviceOutcome> => {
      const outcome = await pushTo(device, request, terms);
      ended.add(device.id);
      if (outcome.kind !== "attempted") return outcome;
      const { kind } = outcome.verdict;
      if (kind === "accepted") {
        taken.add(device.id);
        if (device.wasIdle) store.noteUsed(device.id);
        // If this process ends now, another asks only the others.
        if (ended.size < asked.length) record(device.id);
      } else if (kind === "gone") await store.disable(device.id);
      return outcome;
    };
    const outcomes = await Promise.all(asked.map(push));
    own?.end();

    const { retriesWithinMs = 0, about } = request;
    const combine = (mayRetry: boolean) =>
      combineOutcomes(outcomes, {
        wasAccepted,
        mayRetryAt: (until) =>
          mayRetry &&
          retriesWithinMs !== null &&
          (about.expiresAt === null ||
            (until?.getTime() ?? clock() + retriesWithinMs) < about.expiresAt.getTime()),
        stopped: () => holdFor(awayMs),
      });
    let combined = combine(true);
    if (combined.isOwedToOthers) {
      // A device that may have taken the message is not asked again either, since another has taken it.
      for (const [index, outcome] of outcomes.entries())
        if (outcome.kind === "attempted" && outcome.verdict.kind === "silent")
          record(asked[index]!.id);
      for (const id of taken) record(id);
      const all = await Promise.all(recorded.values());
      // Rather than show the message twice on a device, it is not sent to the others.
      if (all.includes(false)) combined = combine(false);
    }
    if (!combined.isOwedToOthers && (wasAccepted || recorded.size > 0))
      store.forgetAnswers(messageId);
    return combined.result;
  }

  async function pushTo(
    device: Device,
    request: SendRequest,
    {
      passages: before,
      ...message
    }: Pick<DevicePush, "body" | "urgency" | "topic"> & { passages: readonly Passage[] },
  ): Promise<DeviceOutcome> {
    const subscription = await open(device);
    if ("outcome" in subscription) return subscription.outcome;
    const line = lines.get(pushProviderOf(new URL(subscription.endpoint).hostname))!;
    const { provider, admissions: own } = line;
    const admitting = own.admit(line);
    const admission = admitting instanceof Promise ? await admitting : admitting;
    if (!admission) return heldBy(own.holdMessage());
    const passage = line.gate.enter();
    const passages = passage ? [...before, passage] : before;
    let isStopped = false;
    const begin = (retry: () => void): GateAnswer => {
      const answer = stopping.signal.aborted ? "closed" : request.begin(retry);
      if (answer === "closed") isStopped = true;
      return answer;
    };
    try {
      // A gate may have closed while the message waited for a connection: then it waits again.
      while (await awaitOpening({ passages, begin })) {
        const attempt = await provider.push({
          ...message,
          deviceId: device.id,
          subscription,
          ttl: ttlOf(request),
          begin: () => askAll(passages, begin, () => {}) === "open",
          signal: stopping.signal,
        });
        const { verdict } = attempt;
        if (verdict.kind === "not_sent") {
          if (verdict.why === "withheld") continue;
          admission.release();
          return verdict.why === "busy" ? heldBy(holdFor(busyMs)) : { kind: "stopped" };
        }
        admission.complete(verdict.signal, () => verdict.response);
        if (verdict.kind === "rest") return heldBy(own.holdMessage());
        return { kind: "attempted", provider: provider.name, ...attempt };
      }
      admission.release();
      return isStopped ? { kind: "stopped" } : heldBy(own.holdMessage(true));
    } finally {
      passage?.end();
    }
  }

  /** Opens the subscription of a device, or says why it cannot be used. */
  async function open(device: Device): Promise<StoredSubscription | { outcome: DeviceOutcome }> {
    const provider = pushProviderOf(device.service);
    const fail = (verdict: typeof unreadable): { outcome: DeviceOutcome } => {
      const now = new Date(clock());
      const span = { startedAt: now, finishedAt: now };
      return { outcome: { kind: "attempted", provider, verdict, ...span } };
    };
    let value: Uint8Array;
    try {
      value = await sealer.open(device.value, {
        table: "addresses",
        column: "value",
        row: device.id,
      });
    } catch (error) {
      const reason = error instanceof Error ? error.message : "the subscription cannot be opened";
      logger?.warn({ error: reason }, "a device cannot be used");
      return fail({ ...unreadable, kind: "later", response: reason });
    }
    try {
      const subscription = readSubscription(value);
      return URL.canParse(subscription.endpoint) ? subscription : fail(unreadable);
    } catch {
      return fail(unreadable);
    }
  }

  /** Seconds for which a push service keeps the message for a device that is offline. */
  function ttlOf({ about: { expiresAt } }: SendRequest): number {
    const leftMs = expiresAt === null ? usualTtlMs : expiresAt.getTime() - clock();
    return Math.floor(Math.min(Math.max(leftMs, 0), longestTtlMs) / 1_000);
  }

  return {
    name: "push",
    inFlightBound,
    concurrency: inFlightBound,
    opensAt(now) {
      const at = admissions.opensAt(now.getTime());
      return at === null ? null : new Date(at);
    },
    readyFor: (now) => admissions.readyFor(now.getTime()),
    recoveredAt: () => breakers.recoveredAt(pushProviders),
    outSince: (now) => admissions.outSince(now.getTime()),
    countApart: () => rendering.apart,
    send,
    async close() {
      isClosed = true;
      await rendering.close();
      const timer = setTimeout(() => stopping.abort(), closeMs);
      await http.close();
      clearTimeout(timer);
      await store.close();
    },
  };
}

const withoutDevice: SendResult = {
  kind: "unsendable",
  reason: "no_address",
  detail: "the recipient has no device that receives push notifications",
};

const heldBy = (result: SendResult): DeviceOutcome =>
  result.kind === "held" ? { kind: "held", result } : { kind: "stopped" };

/** The UUID of a delivery, a group or a recipient. */
function uuidOf(id: string): string {
  const uuid =
    parsePublicId("delivery", id) ?? parsePublicId("group", id) ?? parsePublicId("recipient", id);
  return uuid ?? id;
}
