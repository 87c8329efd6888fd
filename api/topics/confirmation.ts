import { describeError } from "../../config/describe-error.ts";
import { defaultConfirmation } from "../../domain/confirmation-email.ts";
import { publicId } from "../../domain/ids.ts";
import { newNotification } from "../../domain/notification.ts";
import { createConfirmationTokens, fingerprintAddress } from "../../domain/sign-up-tokens.ts";
import { confirmLinkVariable, publicNameOf } from "../../domain/topics.ts";
import type { KnownTopic } from "../../ledger/topics.ts";
import { acceptNotification } from "../notifications/accept.ts";
import { acceptanceOf } from "../notifications/accept-request.ts";
import { systemCaller } from "../notifications/system-caller.ts";
import { Problem } from "../http/problem.ts";
import type { Services } from "../services.ts";

interface Asked {
  recipient: { id: string; email: string; locale: string };
  topics: readonly KnownTopic[];
  requestId: string;
  now: Date;
}

/**
 * Sends the email that asks a recipient for confirmation. It is critical, because the person waits for it: it comes in quiet hours, and to an
 * address that unsubscribed from everything. Throws the problem if it cannot be accepted.
 */
export async function sendConfirmation(
  services: Services,
  { recipient, topics, requestId, now }: Asked,
): Promise<void> {
  const { config, acceptTogether, wakes, logger } = services;
  const token = createConfirmationTokens(config.tokenSecrets).sign({
    recipientId: recipient.id,
    topicIds: topics.map(({ id }) => id),
    madeAt: now,
    addressHash: fingerprintAddress(recipient.email),
  });
  const accept = async (message: object) => {
    const notification = newNotification.parse({
      ...message,
      recipients: [publicId("recipient", recipient.id)],
      data: {
        topics: topics.map((topic) => publicNameOf(topic, recipient.locale)),
        [confirmLinkVariable]: `${config.publicUrl}/c/${token}`,
      },
      priority: "critical",
      route: { stages: [{ via: ["email"] }] },
    });
    const { queues } = await acceptNotification(
      acceptanceOf(services, acceptTogether),
      notification,
      { caller: systemCaller, requestId, address: null },
      null,
    );
    for (const queue of queues) wakes.queue(queue, { requestId });
  };
  const own = topics.find(({ confirmationTemplate }) => confirmationTemplate !== null);
  if (own) {
    try {
      return await accept({ template: { key: own.confirmationTemplate } });
    } catch (error) {
      if (!(error instanceof Problem) || error.kind !== "invalid") throw error;
      logger.warn(
        { topic: publicId("topic", own.id), error: describeError(error) },
        "the topic's own template cannot ask for confirmation, so that the one that comes with Tidings does",
      );
    }
  }
  await accept({ content: defaultConfirmation });
}
