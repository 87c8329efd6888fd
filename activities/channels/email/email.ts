import type { Logger } from "pino";
import type { SmtpProvider as ProviderSettings } from "../../../config/environment.ts";
import { parseMailbox, type Sender } from "../../../domain/address.ts";
import { responseLimit, type Attempt } from "../../../domain/outcome.ts";
import { TemplateError } from "../../../domain/template.ts";
import type { Channel, SendRequest, SendResult } from "../channel.ts";
import { unlimited } from "../../gates.ts";
import { createComposer } from "./compose.ts";
import { SmtpProvider } from "./smtp-provider.ts";

export interface EmailOptions {
  /** In order of preference. */
  providers: readonly ProviderSettings[];
  /** The From header and the reverse path. Its domain is that of every Message-ID. */
  sender: Sender;
  /** From the hand-over to a connection to the outcome, at each provider; waiting for a free connection may take as long again. */
  sendDeadlineMs: number;
  /** Milliseconds since the epoch. */
  clock?: () => number;
  logger?: Logger;
}

/** A server that takes longer than this for every one of its connections hangs, as far as those who wait can tell. */
const longestStallMs = 3_000;

/**
 * Email over SMTP. Providers are tried in order, those that failed a moment ago last: after a transient failure the
 * next one is tried; after an unknown outcome only where the request may be repeated; a permanent one ends it.
 */
export function createEmailChannel({
  providers: settings,
  sender,
  sendDeadlineMs,
  clock = Date.now,
  logger,
}: EmailOptions): Channel {
  const composer = createComposer({ sender, clock });
  const providers = settings.map(
    (provider) =>
      new SmtpProvider({
        settings: provider,
        from: sender.mailbox.address,
        sendDeadlineMs,
        stallMs: settings.length > 1 ? Math.min(longestStallMs, sendDeadlineMs / 2) : null,
        clock,
        logger,
      }),
  );

  async function send(request: SendRequest): Promise<SendResult> {
    const to = parseMailbox(request.recipient.email ?? "");
    if (!to)
      return {
        kind: "unsendable",
        reason: "invalid_address",
        detail: "the recipient's email is not an address that mail can be sent to",
      };
    let content: string | undefined;
    const mail = {
      to: to.address,
      smtpUtf8: to.smtpUtf8,
      content: () => (content ??= composer.compose(request, to)),
    };
    const attempts: Attempt[] = [];
    for (const provider of inOrder(providers)) {
      const result = await provider.send(mail);
      if ("fault" in result)
        return { kind: "unsendable", reason: "template_error", detail: detailOf(result.fault) };
      attempts.push(result.attempt);
      const { outcome } = result.attempt;
      if (outcome === "sent" || (outcome === "permanent" && !result.unsupported)) break;
      if (outcome === "unknown" && !request.repeatable) break;
    }
    return { kind: "attempted", attempts };
  }

  return {
    inFlightBound: providers.reduce((sum, { connections }) => sum + connections, 0),
    opensAt: () => null,
    reserve: ({ wanted }) => Promise.resolve(unlimited(wanted)),
    recoveredAt: () => null,
    send,
    async close() {
      await Promise.all(providers.map((provider) => provider.close()));
    },
  };
}

function inOrder(providers: readonly SmtpProvider[]): readonly SmtpProvider[] {
  if (providers.length === 1 || providers[0]!.ready) return providers;
  return [...providers.filter(({ ready }) => ready), ...providers.filter(({ ready }) => !ready)];
}

function detailOf(fault: unknown): string {
  return (fault instanceof TemplateError ? fault.message : "the message cannot be made").slice(
    0,
    responseLimit,
  );
}
