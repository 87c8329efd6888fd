import type { Logger } from "pino";
import type { SmtpProvider as ProviderSettings } from "../../../config/smtp.ts";
import { type Mailbox, mailboxFault, parseMailbox, type Sender } from "../../../domain/address.ts";
import { addressOf, type Channel as ChannelName } from "../../../domain/channel.ts";
import { channelGate, providerGate } from "../../../domain/delivery/gates.ts";
import { responseLimit, type Attempt } from "../../../domain/delivery/attempt.ts";
import { TemplateError } from "../../../domain/templates/template-error.ts";
import type { Breakers } from "../breakers.ts";
import type { GateCache } from "../gate-cache.ts";
import { askAll, type Passage } from "../passage.ts";
import { createAdmissions, type ProviderEndpoint } from "../admission.ts";
import type { Channel, SendRequest, SendResult } from "../channel.ts";
import { Rendering, TakesLong } from "./rendering.ts";
import type { Mail, Message } from "./smtp-job.ts";
import { SmtpProvider } from "./smtp-provider.ts";

export interface EmailOptions {
  /** In order of preference. */
  providers: readonly ProviderSettings[];
  /** The From header and the reverse path. Its domain is that of every Message-ID. */
  sender: Sender;
  /** For each step until a message's final dot, at each provider; waiting for a free connection may take as long. */
  sendDeadlineMs: number;
  /** From the final dot to its reply. */
  answerDeadlineMs: number;
  /** Of these providers. */
  breakers: Pick<Breakers, "of" | "recoveredAt">;
  /** Of `emailGates`. */
  gates: Pick<GateCache, "of">;
  /** As the contract has it: more than there are connections, so that these go on while outcomes are committed. */
  inFlightBound: number;
  /** Milliseconds since the epoch. */
  clock?: () => number;
  logger?: Logger;
}

/** The gates that the channel passes: its own, and one for each provider. */
export const emailGates = (providers: readonly ProviderSettings[]): string[] => [
  channelGate("email"),
  ...providers.map(({ name }) => providerGate(name)),
];

/** The providers as breakers know them. */
export const emailProviders = (
  providers: readonly ProviderSettings[],
): { name: string; channel: ChannelName }[] =>
  providers.map(({ name }) => ({ name, channel: "email" }));

/** A server that takes longer than this for every one of its connections hangs, as far as those who wait can tell. */
const longestStallMs = 3_000;

interface EmailLine extends ProviderEndpoint {
  provider: SmtpProvider;
}

/**
 * Email over SMTP. Providers are tried in order, those that failed a moment ago last: after a transient failure the
 * next one is tried; after an unknown outcome once, where the request may be repeated; a permanent one ends it. One that
 * its breaker or its gate keeps out of it is passed over.
 */
export function createEmailChannel({
  providers: settings,
  sender,
  sendDeadlineMs,
  answerDeadlineMs,
  inFlightBound,
  breakers,
  gates,
  clock = Date.now,
  logger,
}: EmailOptions): Channel {
  const mostApart = Math.max(1, Math.floor(inFlightBound / 2));
  const rendering = new Rendering({ sender, clock, most: mostApart });
  const lines = settings.map((provider): EmailLine => {
    const breaker = breakers.of(provider.name);
    const gate = gates.of(providerGate(provider.name));
    return {
      breaker,
      gate,
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
  const ownGate = gates.of(channelGate("email"));
  const admissions = createAdmissions({ gate: ownGate, lines, clock });

  async function send(request: SendRequest): Promise<SendResult> {
    const address = addressOf("email", request.recipient) ?? "";
    // It may be from before such addresses were refused.
    const to = mailboxFault(address) === null ? parseMailbox(address) : null;
    if (!to)
      return {
        kind: "unsendable",
        reason: "invalid_address",
        detail: "the recipient's email is not an address that mail can be sent to",
      };
    if (ownGate.opensAt(clock()) !== null) return admissions.holdMessage();
    if (rendering.isApart(request)) return sendApart(request, to);
    const result = await handOverMade(request, to);
    return result === "takes_long" ? sendApart(request, to) : result;
  }

  /** Has the message made before it comes to any gate: it may take long. */
  async function sendApart(request: SendRequest, to: Mailbox): Promise<SendResult> {
    const made = await rendering.renderApart(request, to);
    if ("result" in made) return made.result;
    if (ownGate.opensAt(clock()) !== null) return admissions.holdMessage();
    return (await handOverMade(request, to, made.message)) as SendResult;
  }

  /** Hands over a message; one that is not made yet is made when a connection is free. */
  async function handOverMade(
    request: SendRequest,
    to: Mailbox,
    message?: Message,
  ): Promise<SendResult | "takes_long"> {
    let made = message;
    const mail = {
      to: to.address,
      smtpUtf8: to.smtpUtf8,
      mayCompose: (retry: () => void) => made !== undefined || rendering.mayCompose(retry),
      compose: () => (made ??= rendering.compose(request, to)),
    };
    const own = ownGate.enter();
    const before = own ? [...(request.passages ?? []), own] : (request.passages ?? []);
    try {
      return await handOver(request, mail, before);
    } finally {
      own?.end();
    }
  }

  /** Tries one provider after the other. `before` are the gates before all of them. */
  async function handOver(
    request: SendRequest,
    mail: Pick<Mail, "to" | "smtpUtf8" | "mayCompose" | "compose">,
    before: readonly Passage[],
  ): Promise<SendResult | "takes_long"> {
    const attempts: Attempt[] = [];
    let { repeatable } = request;
    const begin = (retry: () => void) => request.begin(retry);
    let slotless = false;
    for (const line of inOrder(lines)) {
      const { provider } = line;
      const admitting = admissions.admit(line);
      const admission = admitting instanceof Promise ? await admitting : admitting;
      if (!admission) continue;
      const passage = line.gate.enter();
      const passages = passage ? [...before, passage] : before;
      const leave = (retry: () => void) => {
        const answer = askAll(passages, begin, retry);
        if (answer === "closed") slotless = true;
        return answer;
      };
      const result = await provider.send({ ...mail, isPaced: passages.length > 0, leave });
      passage?.end();
      if ("fault" in result) {
        admission.release();
        if (result.fault instanceof TakesLong) return "takes_long";
        return { kind: "unsendable", reason: "template_error", detail: detailOf(result.fault) };
      }
      if ("turnedAway" in result) {
        admission.release();
        continue;
      }
      const { attempt } = result;
      admission.complete(result.signal, () => provider.describeFailure(attempt));
      attempts.push(attempt);
      if (attempt.outcome === "sent" || (attempt.outcome === "permanent" && !result.unsupported))
        break;
      if (attempt.outcome === "unknown") {
        if (!repeatable) break;
        repeatable = false;
      }
    }
    return attempts.length > 0 ? { kind: "attempted", attempts } : admissions.holdMessage(slotless);
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
    countApart: () => rendering.apart,
    send,
    async close() {
      await rendering.close();
      await Promise.all(lines.map(({ provider }) => provider.close()));
    },
  };
}

function inOrder(lines: readonly EmailLine[]): readonly EmailLine[] {
  if (lines.length === 1 || lines[0]!.provider.ready) return lines;
  return [
    ...lines.filter(({ provider }) => provider.ready),
    ...lines.filter(({ provider }) => !provider.ready),
  ];
}

function detailOf(fault: unknown): string {
  return (fault instanceof TemplateError ? fault.message : "the message cannot be made").slice(
    0,
    responseLimit,
  );
}
