import { isTrusted } from "../../domain/preference-links.ts";
import { contentChannels } from "../../domain/templates/content-parts.ts";
import { heldReasons } from "../../domain/delivery/reasons.ts";
import {
  type EffectivePreferences,
  effectivePreferences,
  type Preferences,
} from "../../domain/policy/preferences.ts";
import { readRecipientStates } from "../../ledger/recipient-snapshot.ts";
import { executeOn } from "../../ledger/sql.ts";
import { listTopicChoices, type TopicChoice } from "../../ledger/topic-choices.ts";
import type { Recipient } from "../../prisma/generated/client.ts";
import { preferencesJson, readStated } from "../recipients/preferences.ts";
import { readRecipient, refuseAbsent } from "../recipients/store.ts";
import { timelineOf } from "../recipients/timeline.ts";
import type { Services } from "../services.ts";
import { type CentreWords, centreWords } from "./words/words.ts";

/** The holder of a link, which was verified. */
export interface Holder {
  /** The UUID. */
  recipientId: string;
  madeAt: Date;
}

/** Everything that the preference centre shows of a recipient. */
export interface Centre {
  recipient: Recipient;
  stated: Preferences;
  answer: Awaited<ReturnType<typeof preferencesJson>>;
  /** The preferences for messages without a type. */
  effective: EffectivePreferences;
  timeline: Awaited<ReturnType<typeof timelineOf>>;
  topics: readonly TopicChoice[];
  /** Whether no email comes that can be switched off. */
  isAllOff: boolean;
  /** Whether the link is new enough to download and to erase everything. */
  isTrusted: boolean;
  now: number;
  words: CentreWords;
  /** The name of the organisation. */
  org: string;
}

/** The channels that the centre shows, of those that a type allows: the ones on which messages are sent. */
export const shownChannels = (channels: readonly { channel: string; on: boolean }[]) =>
  channels.filter(({ channel }) => (contentChannels as readonly string[]).includes(channel));

/** Reads what the centre shows. Throws the problem of a recipient who was erased. */
export async function readCentre(
  services: Services,
  { recipientId, madeAt }: Holder,
  readSubscription: (recipientId: string) => Promise<{ isAllOff: boolean }>,
): Promise<Centre> {
  const { prisma, pool, routes, clock, readPolicySnapshot, config } = services;
  const [recipient, rulebook, states, { isAllOff }, topics] = await Promise.all([
    readRecipient(prisma, { id: recipientId }),
    readPolicySnapshot(),
    readRecipientStates(pool, [recipientId]),
    readSubscription(recipientId),
    listTopicChoices(executeOn(pool), recipientId),
  ]);
  const person = states.get(recipientId);
  refuseAbsent(person);
  const now = clock();
  const stated = readStated(recipient.preferences);
  return {
    recipient,
    stated,
    answer: await preferencesJson(async () => rulebook, recipient, undefined),
    effective: effectivePreferences({
      organisation: rulebook.policy.preferences,
      type: null,
      recipient: stated,
    }),
    timeline: await timelineOf({ pool, routes }, rulebook, person, {
      now: now.getTime(),
      digests: 1,
      range: null,
    }),
    topics,
    isAllOff,
    isTrusted: isTrusted({ madeAt }, now),
    now: now.getTime(),
    words: centreWords(recipient.locale),
    org: config.brand.name,
  };
}

/** How many waiting messages the policy holds: those that a change of preferences may let go. */
export const countHeld = ({ timeline }: Centre): number =>
  timeline.waiting.filter(({ reason }) =>
    (heldReasons as readonly (string | null)[]).includes(reason),
  ).length;
