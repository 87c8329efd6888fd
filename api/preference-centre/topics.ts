import type { Context } from "hono";
import { consentTextVersion } from "../../domain/consent.ts";
import { executeOn } from "../../ledger/sql.ts";
import type { TopicChoice } from "../../ledger/topic-choices.ts";
import type { ApiEnv } from "../http/context.ts";
import { Problem } from "../http/problem.ts";
import type { Services } from "../services.ts";
import { changeSubscription } from "../topics/change-subscription.ts";
import { consentOf } from "../topics/consent-of.ts";
import { readKnownTopic } from "../topics/store.ts";
import type { Centre } from "./centre.ts";
import { type Form, readOne } from "./form.ts";
import type { Outcome } from "./shown.ts";
import { fill } from "./words/words.ts";

/** Whether a recipient is subscribed to a topic, or has asked to be. */
export const isJoined = ({ status }: TopicChoice): boolean =>
  status === "subscribed" || status === "pending";

/** The topics that the centre lists: those that can be subscribed to, and those that can be left. */
export const listTopics = ({ topics, words }: Centre): TopicChoice[] =>
  topics
    .filter((topic) => topic.isOpen || isJoined(topic))
    .toSorted((one, other) => one.name.localeCompare(other.name, words.lang));

/**
 * Subscribes to the topic that the form names, or leaves it. The form says what is wanted, so that sending it again changes nothing. The link was sent to
 * the recipient, so that no confirmation is asked for.
 */
export async function saveTopic(
  c: Context<ApiEnv>,
  services: Services,
  centre: Centre,
  form: Form,
): Promise<Outcome> {
  const { recipient, words, topics } = centre;
  const { config, pool } = services;
  const wanted = readOne(form, "wanted");
  if (wanted !== "subscribed" && wanted !== "unsubscribed")
    throw new Problem("invalid", "The form says nothing that can be done.");
  const choice = topics.find(({ key }) => key === readOne(form, "topic"));
  // Anybody who is not subscribed to a topic that is not public, or is archived, does not find it here.
  if (!choice || (wanted === "subscribed" && !choice.isOpen && choice.status !== "subscribed"))
    throw new Problem("invalid", "The form names no topic of the page.");
  await changeSubscription(c, services, wanted, {
    recipientId: recipient.id,
    topic: await readKnownTopic(executeOn(pool), choice.key),
    consent: {
      ...consentOf(c, { source: `${config.publicUrl}/p`, locale: words.lang }),
      textVersion: consentTextVersion,
    },
    isProven: true,
  });
  const text = wanted === "subscribed" ? words.topicJoined : words.topicLeft;
  return {
    section: "topics",
    typed: null,
    isGood: true,
    undo: null,
    message: fill(text, { topic: choice.name }),
    faults: new Map(),
  };
}
