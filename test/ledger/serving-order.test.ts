import fc from "fast-check";
import { expect, it } from "vitest";
import { compareServed, priorities } from "../../domain/priority.ts";
import { createLedger } from "../../ledger/ledger.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";

const queue = "mailbox/0";
const database = useLedgerDatabase({ keepRows: true });

it("claims and simulations serve deliveries in one order, by priority and age", async () => {
  const { pool, seed } = database;
  const recipientIds = await seed.recipients(1);
  const templateVersionId = await seed.templateVersion();
  const now = Date.now();
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          priority: fc.constantFrom(...priorities),
          ageMs: fc.oneof(fc.nat(400_000), fc.constantFrom(0, 5_000, 30_000, 300_000)),
        }),
        { minLength: 2, maxLength: 10 },
      ),
      async (wanted) => {
        await pool.query("DELETE FROM deliveries");
        for (const { priority, ageMs } of wanted)
          await seed.notification({
            recipientIds,
            queue,
            priority,
            dueAt: new Date(now - ageMs),
            templateVersionId,
          });
        const due = await createLedger(pool).due({
          channels: ["email"],
          queue,
          limit: 100,
          except: [],
        });
        const served = due.map(({ id, priority, dueAt }) => ({
          id,
          priority,
          dueAt: dueAt.getTime(),
        }));
        expect(served).toHaveLength(wanted.length);
        expect(served).toEqual(
          served.toSorted((a, b) => compareServed(a, b) || (a.id < b.id ? -1 : 1)),
        );
      },
    ),
    { numRuns: 30 },
  );
}, 60_000);
