import { createEmailChannel, type EmailOptions } from "../../activities/channels/email/email.ts";
import type { Breaker, Breakers } from "../../activities/channels/breakers.ts";
import type { WatchedGate } from "../../activities/channels/cached-gate.ts";
import type { GateCache } from "../../activities/channels/gate-cache.ts";
import {
  aboutNothing,
  type Channel,
  type SendRequest,
  type SendResult,
} from "../../activities/channels/channel.ts";
import type { SmtpProvider } from "../../config/smtp.ts";
import { parseSender } from "../../domain/address.ts";
import type { Attempt } from "../../domain/delivery/attempt.ts";
import { waitMs } from "../support/patience.ts";

export function provider(port: number, settings: Partial<SmtpProvider> = {}): SmtpProvider {
  return {
    kind: "smtp",
    name: "first",
    host: "127.0.0.1",
    port,
    secure: false,
    requireTls: false,
    verifyTls: true,
    auth: null,
    connections: 1,
    messages: null,
    limits: null,
    domains: [],
    ...settings,
  };
}

/** A gate that is always closed. */
const closedBreaker: Breaker = {
  closed: true,
  openedAt: null,
  isOpening: false,
  trialsAt: () => 0,
  opensAt: () => null,
  trial: () => Promise.resolve(null),
  succeeded() {},
  failed() {},
};
const noBreakers: Pick<Breakers, "of" | "recoveredAt"> = {
  of: () => closedBreaker,
  recoveredAt: () => null,
};

const openGate: WatchedGate = {
  isOpen: () => true,
  opensAt: () => null,
  shutSince: () => null,
  room: () => Number.POSITIVE_INFINITY,
  enter: () => undefined,
  shut() {},
};
export const noGates: Pick<GateCache, "of"> = { of: () => openGate };

/** Only a server that hangs reaches it. */
export const sendDeadlineMs = waitMs;

/** Without breakers and gates, unless given. */
export function channelTo(providers: SmtpProvider[], options: Partial<EmailOptions> = {}): Channel {
  return createEmailChannel({
    providers,
    sender: parseSender("Tidings <tidings@example.org>")!,
    sendDeadlineMs,
    // Tests that tell the two apart say so.
    answerDeadlineMs: options.sendDeadlineMs ?? sendDeadlineMs,
    inFlightBound: 10,
    breakers: noBreakers,
    gates: noGates,
    ...options,
  });
}

let sequence = 0;

export function request(
  email: string | null = "ann@example.org",
  settings: Partial<SendRequest> = {},
): SendRequest {
  sequence += 1;
  return {
    messageId: `dlv_${sequence}`,
    templateVersionId: "tpv_1",
    content: { email: { subject: "Hi {{ name }}", html: "<p>Hi {{ name }}</p>" } },
    recipient: {
      id: "rcp_1",
      externalId: null,
      email,
      phone: null,
      timeZone: "UTC",
      locale: "en",
      attributes: {},
    },
    data: { name: "Ann" },
    actions: [],
    email: null,
    about: aboutNothing,
    priority: "normal",
    repeatable: true,
    begin: () => "open",
    ...settings,
  };
}

/** The attempts of a request that was sendable. */
export function attemptsOf(result: SendResult): Attempt[] {
  if (result.kind !== "attempted") throw new Error(`${result.kind}: ${result.reason}`);
  return result.attempts;
}

/** What became of it: `outcome/failure`, for each provider in turn. */
export function outcomes(result: SendResult): string[] {
  return attemptsOf(result).map(({ outcome, failure }) =>
    failure ? `${outcome}/${failure}` : outcome,
  );
}
