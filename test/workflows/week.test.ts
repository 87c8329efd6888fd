import type { WorkflowHandle } from "@temporalio/client";
import type { TestWorkflowEnvironment } from "@temporalio/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parsePublicId, publicId } from "../../domain/ids.ts";
import type { Preferences } from "../../domain/policy/preferences.ts";
import { digestOptions } from "../../workflows/options.ts";
import { wakeQueue } from "../../workflows/client.ts";
import { type Api, sampleTemplate, startApi } from "../api/harness.ts";
import { createTimeSkipping } from "../support/time-skipping.ts";
import { startWorkers } from "../support/workers.ts";

/** The clocks go forward on the Sunday of this week, from 02:00 to 03:00. */
const zone = "Europe/Berlin";
const days: Record<string, string> = {
  Wed: "2040-03-21",
  Thu: "2040-03-22",
  Fri: "2040-03-23",
  Sat: "2040-03-24",
  Sun: "2040-03-25",
  Mon: "2040-03-26",
  Tue: "2040-03-27",
};

/** What the recipient's clock and calendar show, as "Wed 09:00", and back. */
function instantOf(shown: string): number {
  const [day, time] = shown.split(" ") as [string, string];
  const summer = day === "Mon" || day === "Tue" || (day === "Sun" && time >= "03:00");
  return Date.parse(`${days[day]}T${time}:00${summer ? "+02:00" : "+01:00"}`);
}
const berlin = new Intl.DateTimeFormat("en-GB", {
  timeZone: zone,
  weekday: "short",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});
const shownAt = (at: Date) => berlin.format(at).replace(",", "");

interface Ask {
  type?: "task.deadline" | "habit.reminder" | "report.weekly" | "security.alert";
  priority?: "high" | "low";
  occursAt?: string;
  expiresAt?: string;
  dedupKey?: string;
  collapseKey?: string;
}
/** A patch of preferences. */
type Stated = { [Key in keyof Preferences]?: unknown };

type Step = [at: string, ask: string, of?: Ask] | [at: string, stated: Stated];

const night = (start: string, end: string): Stated => ({ quietHours: [{ start, end }] });

const week: Step[] = [
  ["Wed 08:30", { ...night("22:00", "07:00"), maxPerHour: 3 }],

  // Batches, by their windows.
  ["Wed 09:00", "run", { type: "habit.reminder" }],
  ["Wed 09:10", "stretch", { type: "habit.reminder" }],
  ["Wed 09:20", "last week", { type: "report.weekly" }],
  ["Wed 09:25", "parcel"],
  // By their size.
  ["Wed 10:30", "habit 1", { type: "habit.reminder" }],
  ["Wed 10:31", "habit 2", { type: "habit.reminder" }],
  ["Wed 10:32", "habit 3", { type: "habit.reminder" }],
  ["Wed 10:33", "habit 4", { type: "habit.reminder" }],
  ["Wed 10:34", "habit 5", { type: "habit.reminder" }],
  // By their spread.
  ["Wed 12:00", "rent", { type: "task.deadline", occursAt: "Wed 18:00" }],
  ["Wed 12:01", "tax", { type: "task.deadline", occursAt: "Wed 18:04" }],
  ["Wed 12:02", "exam", { type: "task.deadline", occursAt: "Wed 19:00" }],
  // Three an hour; what is high passes that, and counts.
  ["Wed 15:00", "news 1"],
  ["Wed 15:01", "news 2"],
  ["Wed 15:02", "news 3"],
  ["Wed 15:03", "news 4"],
  ["Wed 15:05", "visitor", { priority: "high" }],

  ["Wed 23:00", "quarter", { type: "report.weekly" }],
  ["Wed 23:10", "bath", { type: "habit.reminder" }],
  ["Wed 23:30", "login 1", { type: "security.alert" }],
  ["Thu 02:00", "sauna", { type: "habit.reminder" }],

  ["Thu 09:50", "walk", { type: "habit.reminder" }],
  ["Thu 10:00", { digest: { mode: "daily", time: "08:00" } }],
  ["Thu 11:00", "essay", { type: "task.deadline" }],
  ["Thu 12:00", "letter"],
  ["Thu 13:00", "flight", { type: "task.deadline", priority: "high" }],
  ["Thu 14:00", "steps", { type: "report.weekly" }],
  ["Thu 23:10", "score 1:0", { collapseKey: "match" }],
  ["Thu 23:15", "sleep", { type: "habit.reminder" }],
  ["Thu 23:20", "score 2:0", { collapseKey: "match" }],

  ["Fri 03:00", "login 2", { type: "security.alert" }],
  ["Fri 11:00", "lunch", { dedupKey: "lunch" }],
  ["Fri 11:02", "lunch again", { dedupKey: "lunch" }],
  ["Fri 15:00", "read", { type: "habit.reminder" }],
  ["Fri 23:00", "party", { expiresAt: "Sat 01:00" }],

  ["Sat 20:00", "pack", { type: "habit.reminder" }],
  ["Sat 23:30", "month", { type: "report.weekly" }],
  ["Sun 01:30", "storm"],
  ["Sun 03:30", "login 3", { type: "security.alert" }],

  // What waits for the end of a night need not any more, when the night begins later.
  ["Sun 22:30", "call"],
  ["Sun 22:45", night("23:00", "06:00")],
  ["Sun 23:30", "train"],
  ["Sun 23:40", "water", { priority: "high" }],
  ["Mon 02:00", "offer", { priority: "low" }],

  // The digest's time is in the night from now on.
  ["Mon 18:00", "yoga", { type: "habit.reminder" }],
  ["Mon 18:30", "budget", { type: "report.weekly" }],
  ["Mon 20:00", night("22:00", "09:00")],
  ["Mon 23:15", "weight", { type: "report.weekly" }],

  ["Tue 12:00", { digest: null }],
  ["Tue 14:00", "piano", { type: "habit.reminder" }],
  ["Tue 14:05", "tea", { type: "habit.reminder" }],
  ["Tue 15:00", "jog", { type: "habit.reminder" }],
  ["Tue 15:10", { types: { "habit.reminder": false }, minimumPriority: "normal" }],
  ["Tue 15:20", "coupon", { priority: "low" }],
  ["Tue 15:25", "login 4", { type: "security.alert" }],
];

type Message = [at: string, as: "itself" | "batch" | "digest", members: string[]];

const expected: Message[] = [
  ["Wed 09:25", "itself", ["parcel"]],
  ["Wed 09:30", "batch", ["run", "stretch"]],
  ["Wed 09:50", "itself", ["last week"]],
  ["Wed 10:34", "batch", ["habit 1", "habit 2", "habit 3", "habit 4", "habit 5"]],
  ["Wed 12:02", "batch", ["rent", "tax"]],
  ["Wed 12:32", "itself", ["exam"]],
  ["Wed 15:00", "itself", ["news 1"]],
  ["Wed 15:01", "itself", ["news 2"]],
  ["Wed 15:02", "itself", ["news 3"]],
  ["Wed 15:05", "itself", ["visitor"]],
  // At 16:00 there were three within the hour again.
  ["Wed 16:01", "itself", ["news 4"]],
  ["Wed 23:30", "itself", ["login 1"]],
  // One a minute, the most urgent first.
  ["Thu 07:00", "batch", ["bath", "sauna"]],
  ["Thu 07:01", "itself", ["quarter"]],
  ["Thu 12:00", "itself", ["letter"]],
  ["Thu 13:00", "itself", ["flight"]],
  ["Fri 03:00", "itself", ["login 2"]],
  ["Fri 07:00", "itself", ["score 2:0"]],
  ["Fri 08:00", "digest", ["walk", "essay", "steps", "sleep"]],
  ["Fri 11:00", "itself", ["lunch"]],
  ["Sat 08:00", "itself", ["read"]],
  ["Sun 03:30", "itself", ["login 3"]],
  ["Sun 07:00", "itself", ["storm"]],
  ["Sun 08:00", "digest", ["pack", "month"]],
  ["Sun 22:45", "itself", ["call"]],
  ["Mon 06:00", "itself", ["water"]],
  ["Mon 06:01", "itself", ["train"]],
  ["Mon 06:02", "itself", ["offer"]],
  // Of Monday's digest there was nothing.
  ["Tue 09:00", "digest", ["yoga", "budget"]],
  // It was for Wednesday's, which does not come any more.
  ["Tue 12:00", "itself", ["weight"]],
  ["Tue 14:30", "batch", ["piano", "tea"]],
  ["Tue 15:25", "itself", ["login 4"]],
];

/** When, and why. */
const suppressed: [at: string, reason: string, label: string][] = [
  ["Fri 07:00", "superseded", "score 1:0"],
  ["Fri 11:02", "duplicate", "lunch again"],
  ["Sat 07:00", "expired", "party"],
  ["Tue 15:10", "type_off", "jog"],
  ["Tue 15:20", "below_minimum_priority", "coupon"],
];

let environment: TestWorkflowEnvironment;
let api: Api;
let workers: Awaited<ReturnType<typeof startWorkers>>;
let stopWorkers = async () => {};
let digests: WorkflowHandle;
/** The server's time when it was last read. */
let now = new Date();

beforeAll(async () => {
  [environment, api] = await Promise.all([
    createTimeSkipping(),
    startApi({ config: { mailboxShards: 1 }, clock: () => now }),
  ]);
});
afterAll(async () => {
  await stopWorkers();
  await environment.teardown();
  await api.stop();
});

async function goTo(shown: string): Promise<void> {
  await environment.sleep(instantOf(shown) - (await environment.currentTimeMs()));
  now = new Date(await environment.currentTimeMs());
}

async function request(
  method: string,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<void> {
  const reply = await api.send(method, path, body, headers);
  if (reply.status >= 300) throw new Error(JSON.stringify(reply.body));
  for (const queue of api.woken.splice(0)) await wakeQueue(environment.client, queue);
}

const iso = (shown: string | undefined) =>
  shown === undefined ? undefined : new Date(instantOf(shown)).toISOString();

const ask = (label: string, { occursAt, expiresAt, ...own }: Ask) =>
  request("POST", "/v1/notifications", {
    recipients: ["ada"],
    template: { key: sampleTemplate.key },
    data: { order: label },
    entityId: label,
    occursAt: iso(occursAt),
    expiresAt: iso(expiresAt),
    ...own,
  });

interface Row {
  id: string;
  label: string;
  status: string;
  reason: string | null;
  at: Date;
  groupId: string | null;
  kind: "batch" | "digest" | null;
  queue: string;
  dueAt: Date | null;
}

/** The outcomes of all requests, in their order. */
async function outcomes(): Promise<Row[]> {
  const { rows } = await api.pool.query<Row>(`
    SELECT d.id, n.entity_id AS label, d.status, d.reason, d.decided_at AS at, d.group_id AS "groupId", g.kind, d.queue, d.due_at AS "dueAt"
    FROM deliveries d JOIN notifications n ON n.id = d.notification_id LEFT JOIN groups g ON g.id = d.group_id
    ORDER BY n.id`);
  return rows;
}

/** The messages that have gone out, in their order. */
function messagesOf(rows: readonly Row[]): Message[] {
  const sent = rows.filter(({ status }) => status === "sent");
  return workers.requests.map(({ messageId }): Message => {
    const groupId = parsePublicId("group", messageId);
    const members = sent.filter(
      (row) => (groupId ? row.groupId : publicId("delivery", row.id)) === (groupId ?? messageId),
    );
    const [first] = members as [Row];
    return [shownAt(first.at), groupId ? first.kind! : "itself", members.map(({ label }) => label)];
  });
}

/** The instants at which something is expected to end, in their order. */
const endings = [...expected, ...suppressed]
  .map(([at]) => at)
  .toSorted((a, b) => instantOf(a) - instantOf(b));

/** Waits until all deliveries have ended that are expected to have ended by now. */
async function untilEnded(): Promise<void> {
  const isPast = ([at]: readonly [at: string, ...unknown[]]) => instantOf(at) <= now.getTime();
  const count =
    expected.filter(isPast).flatMap(([, , members]) => members).length +
    suppressed.filter(isPast).length;
  // What waits is shown where it waits too long.
  await expect
    .poll(async () => {
      const rows = await outcomes();
      const waiting = rows.filter(({ status }) => status === "pending");
      return rows.length - waiting.length >= count ? [] : waiting;
    })
    .toEqual([]);
}

/**
 * Skips to an instant, and stops at each instant on the way at which something is expected. The server may skip on while a worker has not
 * yet taken up what became due, so that on a busy machine a message would go out late.
 */
async function passTo(shown: string): Promise<void> {
  for (const at of [...endings, shown]) {
    const instant = instantOf(at);
    if (instant <= now.getTime() || instant > instantOf(shown)) continue;
    await untilEnded();
    await goTo(at);
  }
}

async function take(steps: readonly Step[]): Promise<void> {
  for (const [at, what, of = {}] of steps) {
    await passTo(at);
    if (typeof what === "string") await ask(what, of);
    else await request("PATCH", "/v1/recipients/ada/preferences", what);
  }
}

/** Of the steps, or of the messages, those before Saturday and those from then on. */
function halves<Shown extends readonly [at: string, ...unknown[]]>(all: readonly Shown[]) {
  const saturday = all.findIndex(([at]) => instantOf(at) >= instantOf("Sat 12:00"));
  return [all.slice(0, saturday), all.slice(saturday)] as const;
}

describe("a week in a recipient's life", () => {
  const [untilSaturday, fromSaturday] = halves(week);

  it("has exactly the expected messages until its Saturday", async () => {
    await goTo("Wed 08:00");
    workers = await startWorkers(environment, api.pool);
    stopWorkers = () => workers.stop();
    // The test server has no Schedules, and each run costs it a tenth of a second: so they come twice in the hours of digests, by UTC,
    // and in one of the afternoon.
    digests = await environment.client.workflow.start("digest", {
      ...digestOptions(),
      cronSchedule: "0,15 6,7,15 * * *",
    });
    // Batches do not grow: what becomes due while hours are skipped looks like a backlog.
    await request(
      "PATCH",
      "/v1/policy",
      { batching: { underLoad: { delaySeconds: 86_400 } } },
      { "if-match": "*" },
    );
    await request("POST", "/v1/templates", sampleTemplate);
    await request("PUT", "/v1/recipients/ada", { email: "ada@example.org", timeZone: zone });
    await take(untilSaturday);
    await passTo("Sat 12:05");
    expect(messagesOf(await outcomes())).toEqual(halves(expected)[0]);
  });

  it("ends in exactly the expected messages", async () => {
    await take(fromSaturday);
    // Not at a quarter of an hour, when a run of digests may be under way.
    await passTo("Tue 18:05");
    await digests.terminate();
    await stopWorkers();
    stopWorkers = async () => {};

    const rows = await outcomes();
    expect(messagesOf(rows)).toEqual(expected);
    expect(rows.filter(({ status }) => status === "sent")).toHaveLength(
      expected.flatMap(([, , members]) => members).length,
    );
    expect(
      rows
        .filter(({ status }) => status !== "sent")
        .map(({ status, at, reason, label }) => [status, shownAt(at), reason, label]),
    ).toEqual(suppressed.map((row) => ["suppressed", ...row]));
    expect(rows).toHaveLength(week.filter(([, what]) => typeof what === "string").length);
  });
});
