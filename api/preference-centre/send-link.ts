import { createHash } from "node:crypto";
import { publicId } from "../../domain/ids.ts";
import { newNotification } from "../../domain/notification.ts";
import { preferenceLinkMail } from "../../domain/preference-links.ts";
import { dayMs, minuteMs } from "../../domain/time/durations.ts";
import { countPreferenceLinkMails } from "../../ledger/preference-link-mails.ts";
import { executeOn } from "../../ledger/sql.ts";
import { createUseLimit } from "../http/use-limit.ts";
import { acceptNotification } from "../notifications/accept.ts";
import { acceptanceOf } from "../notifications/accept-request.ts";
import { systemCaller } from "../notifications/system-caller.ts";
import { readRecipients } from "../recipients/store.ts";
import { pageLanguages } from "../../domain/page-languages.ts";
import type { Services } from "../services.ts";
import { type CentreWords, centreWords } from "./words/words.ts";

/** A recipient gets one email in each of these spans of time, however often somebody asks. */
const spanMs = 10 * minuteMs;
/** How many emails a recipient gets in 24 hours. */
const mostADay = 5;
/** How often an address can be asked for in a minute. More often, nothing is looked up. */
const maxAsked = 3;
/** The recipients with one address who get a link each: more share an address by mistake. */
const mostRecipients = 5;

/** The email with a link, in every language of the pages. The link itself is made when the email is sent, so that it is stored nowhere. */
const contentOf = ({ mailSubject, mailText, mailButton }: CentreWords) => ({
  subject: mailSubject,
  html: `<p>${mailText}</p><p><a href="{{ preferencesUrl }}">${mailButton}</a></p>`,
});
const [, ...others] = pageLanguages;
const content = {
  email: contentOf(centreWords("en")),
  locales: Object.fromEntries(
    others.map((locale) => [locale, { email: contentOf(centreWords(locale)) }]),
  ),
};

/** Sends recipients links to their preferences by email: as critical notifications, which quiet times, limits and unsubscribing do not hold. */
export interface LinkSender {
  /** Sends a link to a recipient, a UUID, unless they have just been sent one, or too many today. */
  toRecipient(recipientId: string, requestId: string): Promise<void>;
  /**
   * Begins to send links to the recipients with an address, and returns at once: neither the answer nor the time it takes says whether the address is known.
   */
  toAddress(email: string, requestId: string): void;
}

export function createLinkSender(services: Services): LinkSender {
  const { acceptTogether, background, wakes, clock, publicPool } = services;
  const limitUses = createUseLimit();

  async function toRecipient(recipientId: string, requestId: string): Promise<void> {
    const now = clock();
    const dayAgo = new Date(now.getTime() - dayMs);
    if ((await countPreferenceLinkMails(executeOn(publicPool), recipientId, dayAgo)) >= mostADay)
      return;
    const span = Math.floor(now.getTime() / spanMs);
    const notification = newNotification.parse({
      recipients: [publicId("recipient", recipientId)],
      content,
      priority: "critical",
      route: { stages: [{ via: ["email"] }] },
      entityId: preferenceLinkMail.entityId,
    });
    const { queues } = await acceptNotification(
      acceptanceOf(services, acceptTogether),
      notification,
      { caller: systemCaller, requestId, address: null },
      {
        scope: systemCaller.scope,
        key: hash(`preference link ${recipientId} ${span}`),
        hash: hash("preference link"),
      },
    );
    for (const queue of queues) wakes.queue(queue, { requestId });
  }

  async function findAndSend(email: string, requestId: string): Promise<void> {
    limitUses([{ key: email.toLowerCase(), max: maxAsked }]);
    const newest = {
      field: "createdAt",
      kind: "creation",
      after: null,
      direction: "desc",
      take: mostRecipients,
    } as const;
    for (const { id } of await readRecipients(publicPool, { email }, newest))
      await toRecipient(id, requestId);
  }

  return {
    toRecipient,
    toAddress: (email, requestId) =>
      background.begin(() => findAndSend(email, requestId), {
        requestId,
        failure: "a link to preferences was not sent",
      }),
  };
}

const hash = (text: string) => createHash("sha256").update(text).digest("hex");
