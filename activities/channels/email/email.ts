import type { Logger } from "pino";
import type { SmtpProvider as ProviderSettings } from "../../../config/smtp.ts";
import { type Mailbox, mailboxFault, parseMailbox, type Sender } from "../../../domain/address.ts";
import { addressOf } from "../../../domain/channel.ts";
import { channelGate, domainGate, providerGate } from "../../../domain/delivery/gates.ts";
import type { Attempt } from "../../../domain/delivery/attempt.ts";
import type { Breakers } from "../breakers.ts";
import type { GateCache } from "../gate-cache.ts";
import { askAll, type Passage } from "../passage.ts";
import { createAdmissions, type ProviderEndpoint } from "../admission.ts";
import type { Channel, SendRequest, SendResult } from "../channel.ts";
import type { ComposeRequest } from "./compose.ts";
import type { DkimSigner } from "./dkim.ts";
import { type DomainLimit, type DomainPassage, limitDomains } from "./domain-limit.ts";
import { Rendering, TakesLong, unrenderable } from "../rendering.ts";
import { createEmailRenderer } from "./email-renderer.ts";
import { type AttachmentFiles, outcomesOfCopies, prepareExtras, type Prepared } from "./extras.ts";
import type { LinkSettings } from "./message-links.ts";
import { addPostmarkId, addReturnPath, type ReturnPath, usesPostmark } from "./return-path.ts";
import type { Mail, Message } from "./smtp-job.ts";
import { SmtpProvider } from "./smtp-provider.ts";

export interface EmailOptions {
  /** In order of preference. */
  providers: readonly ProviderSettings[];
  /** The sender in the From header and the reverse path. Every Message-ID has its domain. */
  sender: Sender;
  /** What the links in messages are made from. Without it, nothing is tracked. */
  links?: LinkSettings;
  /** The time for each step until a message's final dot, at each provider. Waiting for a free connection may take as long. */
  sendDeadlineMs: number;
  /** The time from the final dot to its reply. */
  answerDeadlineMs: number;
  /** The breakers of these providers. */
  breakers: Pick<Breakers, "of" | "recoveredAt">;
  /** The gates of `emailGates`. */
  gates: Pick<GateCache, "of">;
  /** Signs messages. Without it they leave unsigned. */
  signer?: DkimSigner;
  /** Makes the addresses to which messages are returned. Without it they are returned to the sender. */
  returnPath?: ReturnPath;
  /** The files of messages with attachments. Without them, such messages are held. */
  attachments?: AttachmentFiles;
  /** As in `Channel`. It exceeds the number of connections, so that these stay busy while outcomes are committed. */
  inFlightBound: number;
  /** Returns milliseconds since the epoch. */
  clock?: () => number;
  logger?: Logger;
}

/** The keys of the gates that the channel passes: its own, and those of each provider and of the domains with limits. */
export const emailGates = (providers: readonly ProviderSettings[]): string[] => [
  channelGate("email"),
  ...providers.flatMap(({ name, domains }) => [
    providerGate(name),
    ...domains.map(({ domain }) => domainGate(name, domain)),
  ]),
];

/** A server that finishes nothing for longer than this, on any of its connections, counts as hanging. */
const longestStallMs = 3_000;

/** A message on its way to a recipient, with its attachments and copies if it has any. */
interface Outgoing {
  request: SendRequest & Pick<ComposeRequest, "additions">;
  to: Mailbox;
  prepared?: Prepared;
}

interface EmailLine extends ProviderEndpoint {
  provider: SmtpProvider;
  /** The limits by receiving domain; null where there are none, which costs nothing. */
  domains: ReadonlyMap<string, DomainLimit> | null;
}

/**
 * Creates the email channel over SMTP. Providers are tried in order, those that failed a moment ago last. After a transient
 * failure the next one is tried. After an unknown outcome the next one is tried once, if the request may be repeated. A
 * permanent failure ends the request. A provider whose breaker or gate takes nothing is skipped.
 */
export function createEmailChannel({
  providers: settings,
  sender,
  links,
  sendDeadlineMs,
  answerDeadlineMs,
  inFlightBound,
  breakers,
  gates,
  signer,
  returnPath,
  attachments,
  clock = Date.now,
  logger,
}: EmailOptions): Channel {
  const maxApart = Math.max(1, Math.floor(inFlightBound / 2));
  const rendering = new Rendering(createEmailRenderer(sender, links, clock), {
    clock,
    maxWaiting: maxApart,
  });
  const lines = settings.map((provider): EmailLine => {
    const breaker = breakers.of(provider.name);
    const gate = gates.of(providerGate(provider.name));
    return {
      breaker,
      gate,
      domains: limitDomains(provider, { gates, inFlightBound, clock }),
      provider: new SmtpProvider({
        settings: provider,
        sendDeadlineMs,
        answerDeadlineMs,
        stallMs: settings.length > 1 ? Math.min(longestStallMs, sendDeadlineMs / 2) : null,
        breaker,
        gate,
        clock,
        logger,
      }),
    };
  });
  const names = settings.map(({ name }) => name);
  const isForPostmark = usesPostmark(settings);
  const ownGate = gates.of(channelGate("email"));
  const admissions = createAdmissions({ gate: ownGate, lines, clock });

  /** The number of messages that wait for the limits of their receiving domain. */
  function countWaiting(): number {
    let count = 0;
    for (const { domains } of lines)
      for (const limit of domains?.values() ?? []) count += limit.waiting;
    return count;
  }

  async function send(request: SendRequest): Promise<SendResult> {
    const address = addressOf("email", request.recipient) ?? "";
    // The address may have been stored before such addresses were refused.
    const to = mailboxFault(address) === null ? parseMailbox(address) : null;
    if (!to)
      return {
        kind: "unsendable",
        reason: "invalid_address",
        detail: "the recipient's email is not an address that mail can be sent to",
      };
    if (ownGate.opensAt(clock()) !== null) return admissions.holdMessage();
    return request.extras === undefined
      ? sendPrepared({ request, to })
      : sendWithExtras(request, to, request.extras);
  }

  /** Sends a message with attachments or copies. Its files are in memory until its outcome is known. */
  async function sendWithExtras(
    request: SendRequest,
    to: Mailbox,
    extras: NonNullable<SendRequest["extras"]>,
  ): Promise<SendResult> {
    const prepared = await prepareExtras(extras, attachments, clock());
    if ("result" in prepared) return prepared.result;
    try {
      const { additions } = prepared;
      const result = await sendPrepared({ request: { ...request, additions }, to, prepared });
      if (result.kind !== "attempted") return result;
      const copies = outcomesOfCopies(prepared, result);
      return copies.length > 0 ? { ...result, copies } : result;
    } finally {
      prepared.release();
    }
  }

  async function sendPrepared(outgoing: Outgoing): Promise<SendResult> {
    if (rendering.isApart(outgoing.request)) return sendApart(outgoing);
    const result = await (signer ? sendSigned(outgoing) : handOverMessage(outgoing));
    return result === "takes_long" ? sendApart(outgoing) : result;
  }

  /** Renders the message before it waits for a connection, so that many are signed at once. */
  async function sendSigned(outgoing: Outgoing): Promise<SendResult | "takes_long"> {
    for (let turn = rendering.waitForTurn(); turn; turn = rendering.waitForTurn()) await turn;
    let message: Message;
    try {
      message = rendering.render(outgoing.request, outgoing.to);
    } catch (fault) {
      return fault instanceof TakesLong ? "takes_long" : unrenderable(fault);
    }
    return handOverMessage(outgoing, message);
  }

  /** Renders the message before it waits for any gate, since that may take long. */
  async function sendApart(outgoing: Outgoing): Promise<SendResult> {
    const rendered = await rendering.renderApart(outgoing.request, outgoing.to);
    if ("result" in rendered) return rendered.result;
    if (ownGate.opensAt(clock()) !== null) return admissions.holdMessage();
    return (await handOverMessage(outgoing, rendered.message)) as SendResult;
  }

  /** Hands over a message. One that is not composed yet is composed when a connection is free. */
  async function handOverMessage(
    { request, to, prepared }: Outgoing,
    message?: Message,
  ): Promise<SendResult | "takes_long"> {
    const complete = (composed: Message) => {
      let whole = returnPath ? addReturnPath(composed, request, returnPath) : composed;
      if (isForPostmark) whole = addPostmarkId(whole, request);
      return prepared?.tail === undefined ? whole : { ...whole, tail: prepared.tail };
    };
    let composed = message && complete(message);
    if (signer && composed) composed = await signer.sign(composed);
    const mail = {
      to: to.address,
      domain: to.domain,
      smtpUtf8: to.smtpUtf8,
      ...(returnPath && { reportId: request.messageId }),
      ...(prepared && prepared.addresses.length > 0 && { copies: prepared.addresses }),
      mayCompose: (retry: () => void) => composed !== undefined || rendering.mayRender(retry),
      compose: () => (composed ??= complete(rendering.render(request, to))),
    };
    const own = ownGate.enter();
    const before = own ? [...(request.passages ?? []), own] : (request.passages ?? []);
    try {
      return await handOver(request, mail, before, prepared);
    } finally {
      own?.end();
    }
  }

  /** Tries one provider after the other. `before` are the gates that precede all of them. */
  async function handOver(
    request: SendRequest,
    mail: Pick<Mail, "to" | "copies" | "reportId" | "smtpUtf8" | "mayCompose" | "compose"> & {
      domain: string;
    },
    before: readonly Passage[],
    prepared: Prepared | undefined,
  ): Promise<SendResult | "takes_long"> {
    const attempts: Attempt[] = [];
    let { repeatable } = request;
    const begin = (retry: () => void) => request.begin(retry);
    const { isCampaign = false, hasWaited = false } = request;
    let slotless = false;
    /** The providers that take no message to the domain for now. */
    const full = new Map<EmailLine, DomainLimit>();
    for (const line of orderByReadiness(lines)) {
      const { provider } = line;
      const admitting = admissions.admit(line);
      const admission = admitting instanceof Promise ? await admitting : admitting;
      if (!admission) continue;
      const limit = line.domains?.get(mail.domain);
      const ofDomain = limit?.enter({ isCampaign });
      if (limit && !ofDomain) {
        full.set(line, limit);
        admission.release();
        continue;
      }
      if (ofDomain) request.onSetApart?.();
      const passage = line.gate.enter();
      const passages = joinPassages(ofDomain, before, passage);
      const leave = (retry: () => void) => {
        const answer = askAll(passages, begin, retry);
        if (answer === "closed") slotless = true;
        return answer;
      };
      const isDomainLimited = limit !== undefined;
      const isPaced = passages.length > 0;
      const result = await provider.send({ ...mail, isDomainLimited, isPaced, leave });
      passage?.end();
      ofDomain?.end();
      if ("fault" in result) {
        admission.release();
        if (result.fault instanceof TakesLong) return "takes_long";
        return unrenderable(result.fault);
      }
      if ("turnedAway" in result) {
        admission.release();
        if (limit && ofDomain?.isClosed) full.set(line, limit);
        continue;
      }
      const { attempt } = result;
      if (limit && result.isOfDomain)
        limit.pause(attempt.retryAfterMs ?? null, provider.describeFailure(attempt));
      else if (attempt.outcome === "sent") limit?.noteAcceptance();
      admission.complete(result.signal, () => provider.describeFailure(attempt));
      attempts.push(attempt);
      if (prepared) prepared.refusals = result.copyRefusals ?? [];
      if (attempt.outcome === "sent" || (attempt.outcome === "permanent" && !result.unsupported))
        break;
      if (attempt.outcome === "unknown") {
        if (!repeatable) break;
        repeatable = false;
      }
    }
    if (attempts.length > 0) return { kind: "attempted", attempts };
    const turns = new Map(
      [...full].map(([line, limit]) => [line, limit.nextTurn({ isCampaign, hasWaited })]),
    );
    return admissions.holdMessage(slotless, turns);
  }

  return {
    name: "email",
    inFlightBound,
    concurrency: Math.max(...settings.map(({ connections }) => connections)),
    opensAt(now) {
      const at = admissions.opensAt(now.getTime());
      return at === null ? null : new Date(at);
    },
    readyFor: (now) => admissions.readyFor(now.getTime()),
    recoveredAt: () => breakers.recoveredAt(names),
    outSince: (now) => admissions.outSince(now.getTime()),
    countApart: () => rendering.apart + countWaiting(),
    send,
    async close() {
      await rendering.close();
      await Promise.all(lines.map(({ provider }) => provider.close()));
    },
  };
}

/** The gates that a message passes, in the order in which they are asked. */
function joinPassages(
  ofDomain: DomainPassage | null | undefined,
  before: readonly Passage[],
  ofProvider: Passage | undefined,
): readonly Passage[] {
  if (!ofDomain) return ofProvider ? [...before, ofProvider] : before;
  return ofProvider ? [ofDomain, ...before, ofProvider] : [ofDomain, ...before];
}

function orderByReadiness(lines: readonly EmailLine[]): readonly EmailLine[] {
  if (lines.length === 1 || lines[0]!.provider.ready) return lines;
  return [
    ...lines.filter(({ provider }) => provider.ready),
    ...lines.filter(({ provider }) => !provider.ready),
  ];
}
