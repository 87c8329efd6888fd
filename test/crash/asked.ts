import { setTimeout as sleep } from "node:timers/promises";
import { minuteMs } from "../../domain/time/durations.ts";
import type { Service } from "../../cli/demo/service.ts";

/** What was asked for, as the caller recorded it: ledger and mail server are judged by it. Instants are of the wall clock. */
export interface Asked {
  campaigns: AskedCampaign[];
  /** To one recipient each. */
  notifications: AskedNotification[];
  quiet: { addresses: ReadonlySet<string>; until: number };
}

export interface StartedCampaign {
  id: string;
  audience: number;
}

export interface AskedCampaign extends StartedCampaign {
  isCancelled: boolean;
  /** From when the API had said that it had stopped it until it was asked to let it go on; for good if it never was. */
  stopped: { from: number; until: number } | null;
}

export interface AskedNotification {
  id: string;
  notBefore: number;
  /** It is not to be sent while the run lasts. */
  waits: boolean;
}

const templateKey = "crash";
const message = {
  subject: "Hello {{ recipient.attributes.name }}",
  html: "<p>Hello {{ recipient.attributes.name }}, this one gets through.</p>",
};

/** Of each: people who want to be left alone, notifications for soon, and notifications for long after the run. */
const fewOf = 20;
const soonMs = [10_000, 30_000] as const;
/** Beyond any run, and nearer than a clock that is an hour ahead. */
const laterMs = 50 * 60_000;
/** Of the audience, those whom the campaign that is cancelled is for, and likewise the one that is paused. */
const partOfEach = 5;
const notifyEveryMs = 500;

const externalId = (n: number) => `user-${n}`;
const addressOf = (n: number) => `user-${n}@example.org`;

/** Whom the run is about: `recipients` people, and a few more in whose quiet hours it takes place. */
export interface People {
  recipients: number;
  addresses: string[];
  quiet: Asked["quiet"];
  import: (service: Service) => Promise<void>;
}

export function gatherPeople(recipients: number): People {
  const all = recipients + fewOf;
  const until = Math.floor((Date.now() + laterMs) / minuteMs) * minuteMs;
  const timeOf = (at: number) => new Date(at).toISOString().slice(11, 16);
  const quietHours = [{ start: timeOf(Date.now() - 60 * minuteMs), end: timeOf(until) }];
  const addresses = Array.from({ length: all }, (_, n) => addressOf(n));
  function* lines() {
    for (let n = 0; n < all; n++) {
      const isQuiet = n >= recipients;
      const person = {
        externalId: externalId(n),
        email: addressOf(n),
        timeZone: "UTC",
        attributes: { name: `User ${n}`, group: isQuiet ? "quiet" : String(n % partOfEach) },
        ...(isQuiet && { preferences: { quietHours } }),
      };
      yield `${JSON.stringify(person)}\n`;
    }
  }
  return {
    recipients,
    addresses,
    quiet: { addresses: new Set(addresses.slice(recipients)), until },
    async import(service) {
      await service.importRecipients("application/x-ndjson", lines());
      await service.createTemplate({
        key: templateKey,
        name: "Crash",
        content: { email: message },
      });
    },
  };
}

/** The campaign that everything is done to, one that is to be cancelled and one that is to be paused: all begin at once. */
export async function startCampaigns(service: Service, { recipients }: People) {
  const start = async (name: string, groups: readonly string[], audience: number) => {
    const id = await service.createCampaign({
      name,
      template: { key: templateKey },
      audience: { where: { attribute: "group", in: groups } },
    });
    await service.startCampaign(id);
    return { id, audience };
  };
  const groups = Array.from({ length: partOfEach }, (_, group) => String(group));
  const sizeOf = (group: number) => Math.ceil((recipients - group) / partOfEach);
  return {
    kept: await start("Kept", groups, recipients),
    cancelled: await start("To be cancelled", ["0", "quiet"], sizeOf(0) + fewOf),
    paused: await start("To be paused", ["1"], sizeOf(1)),
  };
}

/** How many messages that is, about: the campaign that is cancelled sends a part of its own. */
export const messagesOf = (recipients: number) => recipients * (1 + 1.5 / partOfEach);

/** Notifications for soon, for long after the run, and to people who want to be left alone. */
export async function postForLater(
  service: Service,
  { recipients, quiet }: People,
): Promise<AskedNotification[]> {
  const post = async (to: number, sendAt: number | null, priority: "critical" | "normal") => {
    const id = await service.notify({
      recipients: [externalId(to)],
      template: { key: templateKey },
      priority,
      ...(sendAt !== null && { sendAt: new Date(sendAt).toISOString() }),
    });
    return { id, notBefore: sendAt ?? quiet.until };
  };
  const posted: AskedNotification[] = [];
  for (let n = 0; n < fewOf; n++) {
    const soon = Date.now() + soonMs[0] + Math.ceil(((soonMs[1] - soonMs[0]) * n) / fewOf);
    const priority = n % 3 === 0 ? "critical" : "normal";
    const to = (n * 11) % recipients;
    posted.push({ ...(await post(to, soon, priority)), waits: false });
    posted.push({ ...(await post(to, Date.now() + laterMs, priority)), waits: true });
    posted.push({ ...(await post(recipients + n, null, "normal")), waits: true });
  }
  return posted;
}

/** Posts one notification after the other, each under its key and again until it is accepted; every third is critical. */
export function notifyMeanwhile(service: Service, { recipients }: People) {
  const posted: AskedNotification[] = [];
  let stopped = false;
  const posting = (async () => {
    for (let n = 0; !stopped; n++) {
      const id = await service.notify({
        recipients: [externalId((n * 7) % recipients)],
        template: { key: templateKey },
        priority: n % 3 === 0 ? "critical" : "normal",
      });
      posted.push({ id, notBefore: 0, waits: false });
      await sleep(notifyEveryMs);
    }
  })();
  posting.catch(() => {});
  return {
    /** Resolves with those that were accepted; rejects if one was refused. */
    async stop() {
      stopped = true;
      await posting;
      return posted;
    },
  };
}
