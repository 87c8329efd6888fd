import fc from "fast-check";
import type { Pool } from "pg";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { hourMs } from "../../domain/time/durations.ts";
import { newUuid } from "../../domain/ids.ts";
import { createRepeats } from "../../domain/policy/simulate-repeats.ts";
import type { SimulatedOutcome } from "../../domain/policy/simulate-types.ts";
import { createLedger } from "../../ledger/ledger.ts";
import { readPendingMessages } from "../../ledger/pending-messages.ts";
import { createRepeatLookup, readRepeats, type Repeats } from "../../ledger/repeats.ts";
import { createRulebookReader } from "../../ledger/rulebook.ts";
import { createSources } from "../../ledger/sources.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";

const database = useLedgerDatabase({ keepRows: true });
let pool: Pool;
let recipientId: string;
let templateVersionId: string;
let typeId: string;
beforeAll(async () => {
  ({ pool } = database);
  [recipientId] = (await database.seed.recipients(1)) as [string];
  templateVersionId = await database.seed.templateVersion();
  const { rows } = await pool.query<{ id: string }>(
    `UPDATE notification_types SET document = document || '{"collapseKey": "of the type"}', version = version + 1
     WHERE key = 'task.deadline' RETURNING id`,
  );
  typeId = rows[0]!.id;
});
afterEach(() => pool.query("DELETE FROM deliveries; DELETE FROM notifications"));

const queue = "mailbox/0";
/** The instant at which histories are looked at. */
const now = new Date();

const claimed = ["sending", "sent", "delivered", "unknown"] as const;
const ended = ["failed", "cancelled", "suppressed"] as const;
/** `due` and `held` wait; `future` is not due yet; nor is `early`, but an operator sends it at once. */
const waiting = ["due", "held", "future", "early"] as const;
type State = (typeof claimed)[number] | (typeof ended)[number] | (typeof waiting)[number];

interface Message {
  gapMs: number;
  dedupKey: "a" | "b" | null;
  collapseKey: "k" | null;
  typed: boolean;
  leg: "primary" | "snooze:1";
  state: State;
}

const message = (states: readonly State[], legs: readonly Message["leg"][]) =>
  fc.record<Message>({
    gapMs: fc.integer({ min: 1, max: 200_000 }),
    dedupKey: fc.constantFrom("a", "b", null),
    collapseKey: fc.constantFrom("k", "k", null),
    typed: fc.boolean(),
    leg: fc.constantFrom(...legs),
    state: fc.constantFrom(...states),
  });

/** Messages to one recipient, the oldest first. */
const histories = (states: readonly State[], legs: readonly Message["leg"][] = ["primary"]) =>
  fc.record({
    windowSeconds: fc.constantFrom(60, 300),
    messages: fc.array(message(states, legs), { minLength: 1, maxLength: 8 }),
  });

const anyState = [...waiting, ...waiting, ...claimed, ...ended];
const isOneOf = (states: readonly State[], state: State) => states.includes(state);

async function write(messages: readonly Message[]): Promise<void> {
  await pool.query("DELETE FROM deliveries; DELETE FROM notifications");
  let createdMs = now.getTime() - hourMs;
  for (const { gapMs, dedupKey, collapseKey, typed, leg, state } of messages) {
    const createdAt = new Date((createdMs += gapMs));
    const sendAt = state === "future" || state === "early" ? inMs(hourMs) : createdAt;
    const notification = newUuid(createdAt);
    await pool.query(
      `INSERT INTO notifications (id, template_version_id, send_at, created_at, type_id, dedup_key, collapse_key) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
      [
        notification,
        templateVersionId,
        sendAt,
        createdAt,
        typed ? typeId : null,
        dedupKey,
        collapseKey,
      ],
    );
    const isOpen = isOneOf([...waiting, "sending"], state);
    await pool.query(
      `INSERT INTO deliveries (id, notification_id, recipient_id, leg, channel, priority, queue, status, due_at, reason, decided_at, finished_at, created_at)
       VALUES ($1, $2, $3, $4, 'email', 'normal', $5, $6, $7, $8, $9, $10, $11)`,
      [
        newUuid(createdAt),
        notification,
        recipientId,
        leg,
        queue,
        isOneOf(waiting, state) ? "pending" : state,
        isOpen ? (state === "early" ? createdAt : sendAt) : null,
        { held: "quiet_hours", early: "send_requested", unknown: "outcome_unknown" }[
          state as string
        ] ?? (isOneOf(ended, state) ? "expired" : null),
        isOneOf(claimed, state) ? createdAt : null,
        isOpen ? null : createdAt,
        createdAt,
      ],
    );
  }
}

const inMs = (ms: number) => new Date(now.getTime() + ms);

/** What a dispatch looks up for each delivery that is due. */
async function lookUp(windowSeconds: number): Promise<Map<string, Repeats>> {
  const due = await createLedger(pool).due({
    channels: ["email"],
    queue,
    limit: 100,
    except: [],
  });
  const rulebook = await createRulebookReader(pool)();
  const sourceOf = await createSources(pool).of(due);
  const items = due
    .filter(({ interrupted }) => !interrupted)
    .map((delivery) => ({ delivery, source: sourceOf(delivery, rulebook) }));
  const repeatsOf = await createRepeatLookup(pool).of(items, now, windowSeconds);
  return new Map(items.map(({ delivery }) => [delivery.id, repeatsOf(delivery)]));
}

/** The twin, as a simulation begins with what waits; `forgetful`: it has nothing that the ledger knows of other messages. */
async function simulated(windowSeconds: number, { forgetful }: { forgetful: boolean }) {
  const { types } = await createRulebookReader(pool)();
  const pending = await readPendingMessages(pool, [recipientId], types, {
    deduplicationSeconds: windowSeconds,
    limit: 1_000,
  });
  const requests = pending.get(recipientId)?.requests ?? [];
  const rows = requests.map((request) => ({
    request: forgetful ? { ...request, repeats: null, superseded: false } : request,
    outcome: {
      outcome: "waiting" as SimulatedOutcome["outcome"],
      reason: request.waiting?.reason ?? null,
    },
  }));
  const repeats = createRepeats(rows, windowSeconds * 1_000);
  for (const row of rows)
    if (row.request.waiting!.reason !== null || row.request.askedAt <= now.getTime())
      repeats.arrive(row);
  const byId = new Map(rows.map((row) => [row.request.id, row]));
  return {
    of: (id: string) => repeats.find(byId.get(id)!),
    request: (id: string) => byId.get(id)!.request,
    end(id: string, outcome: "sent" | "suppressed", reason: SimulatedOutcome["reason"]) {
      const row = byId.get(id)!;
      row.outcome = { outcome, reason };
      if (outcome === "sent") repeats.send(row);
    },
  };
}

type Simulated = Awaited<ReturnType<typeof simulated>>;

/** A simulation has no two messages that are decided about at the same time. */
const expectAgreement = (found: ReadonlyMap<string, Repeats>, twin: Simulated) =>
  expect([...found.keys()].map((id) => [id, twin.of(id)])).toEqual(
    [...found].map(([id, repeats]) => [id, { ...repeats, undecided: false }]),
  );

/** Ends deliveries one after the other, in the ledger and in the simulation, which agree about the rest each time. */
async function endEach(windowSeconds: number, twin: Simulated): Promise<void> {
  for (let step = 1; ; step++) {
    const left = await lookUp(windowSeconds);
    expectAgreement(left, twin);
    // The primary delivery of one that is snoozed was sent before, and one that was asked for early leaves no trace of it.
    const next = [...left].find(([id]) => {
      const request = twin.request(id);
      return !request.withoutRepeats && request.waiting?.reason !== "send_requested";
    });
    if (!next) return;
    const [id, { duplicate, superseded }] = next;
    const outcome = duplicate || superseded ? "suppressed" : "sent";
    const reason = duplicate ? "duplicate" : superseded ? "superseded" : null;
    await pool.query(
      "UPDATE deliveries SET status = $2::delivery_status, due_at = NULL, reason = $3, decided_at = $4, finished_at = $4 WHERE id = $1",
      [id, outcome, reason, inMs(step * 1_000)],
    );
    twin.end(id, outcome, reason);
  }
}

describe("duplicate and superseded messages", () => {
  it("are the same to a dispatch and to a simulation, whatever was requested and became of it", async () => {
    await fc.assert(
      fc.asyncProperty(
        histories(anyState, ["primary", "primary", "primary", "snooze:1"]),
        async ({ windowSeconds, messages }) => {
          await write(messages);
          await endEach(windowSeconds, await simulated(windowSeconds, { forgetful: false }));
        },
      ),
      { numRuns: 60 },
    );
  }, 120_000);

  it("are found by a simulation itself where it has the whole history", async () => {
    await fc.assert(
      fc.asyncProperty(histories(waiting), async ({ windowSeconds, messages }) => {
        await write(messages);
        await endEach(windowSeconds, await simulated(windowSeconds, { forgetful: true }));
      }),
      { numRuns: 40 },
    );
  }, 120_000);

  it("are explained afterwards as they were decided, whatever happened since", async () => {
    await fc.assert(
      fc.asyncProperty(
        histories(anyState),
        fc.constantFrom("cancelled", "failed", "sent"),
        async ({ windowSeconds, messages }, status) => {
          await write(messages.filter(({ state }) => state !== "early"));
          const found = await lookUp(windowSeconds);
          await pool.query(
            `UPDATE deliveries SET status = $1::delivery_status, due_at = NULL, reason = CASE WHEN $1 <> 'sent' THEN 'delivery_cancelled' END,
               decided_at = CASE WHEN $1 = 'cancelled' THEN decided_at ELSE $2 END, finished_at = $2 WHERE status = 'pending'`,
            [status, inMs(1_000)],
          );
          for (const [id, repeats] of found) {
            const { rows } = await pool.query<{ typed: boolean }>(
              "SELECT n.type_id IS NOT NULL AS typed FROM deliveries d JOIN notifications n ON n.id = d.notification_id WHERE d.id = $1",
              [id],
            );
            const typeCollapseKey = rows[0]!.typed ? "of the type" : null;
            const { duplicate, superseded } = await readRepeats(
              pool,
              { id, typeCollapseKey },
              { windowSeconds, now, recordedBy: now },
            );
            expect({ duplicate, superseded }).toMatchObject({
              duplicate: repeats.duplicate,
              superseded: repeats.superseded,
            });
          }
        },
      ),
      { numRuns: 40 },
    );
  }, 120_000);

  it.each<[State, boolean]>([
    ["due", true],
    ["held", true],
    ["future", false],
    ["early", true],
    ["sending", true],
    ["sent", true],
    ["delivered", true],
    ["unknown", true],
    ["failed", false],
    ["cancelled", false],
    ["suppressed", false],
  ])(
    "a newer message with the collapse key that is %s: supersedes it: %s",
    async (state, expected) => {
      const older = {
        gapMs: 1,
        dedupKey: null,
        collapseKey: "k",
        typed: false,
        leg: "primary",
      } as const;
      await write([
        { ...older, state: "held" },
        { ...older, state },
      ]);
      const [first] = [...(await lookUp(300))].sort(([a], [b]) => (a < b ? -1 : 1));
      expect(first![1].superseded).toBe(expected);
    },
  );
});
