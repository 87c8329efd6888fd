import type { Pool } from "pg";
import { beforeAll, describe, expect, it } from "vitest";
import { newUuid } from "../../domain/ids.ts";
import type { LimitsNeeded } from "../../domain/policy/limits.ts";
import { createLedger, type Ledger } from "../../ledger/ledger.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";
import { atLedgerTime } from "../support/ledger-time.ts";
import { wantedMessages } from "../support/wanted.ts";

const queue = "mailbox/0";
const start = new Date("2040-01-01T12:00:00Z");

const database = useLedgerDatabase();
let pool: Pool;
let ledger: Ledger;

beforeAll(() => {
  ({ pool } = database);
  ledger = createLedger(pool);
});

type Burst = Partial<Pick<LimitsNeeded, "burst" | "typeBurst">>;

/** Returns a function that claims another message to one recipient, `seconds` after the start, and resolves with whether it was granted. */
async function createClaimer() {
  const recipientIds = await database.seed.recipients(1);
  return async (seconds: number, burst: Burst, typeNumber = 1): Promise<boolean> => {
    const [id] = await database.seed.notification({ recipientIds, queue });
    const at = new Date(start.getTime() + seconds * 1_000);
    const claim = async () => {
      const due = await ledger.due({ queue, channels: ["email"], limit: 100, except: [] });
      const [message] = wantedMessages(due.filter((delivery) => delivery.id === id));
      const wanted = [{ ...message!, typeNumber, room: { ...message!.room!, ...burst } }];
      const token = newUuid();
      return ledger.settleAndClaim({ settled: [], wanted, token, leaseMs: 1_000, localAheadMs: 0 });
    };
    return (await atLedgerTime(pool, at, claim, { isStopped: true })).claimed.has(id!);
  };
}

/** The caller of a claim has read the log of grants before: only the claim itself knows what was granted since. */
describe("a claim", () => {
  it("is granted only where the organisation's burst limit has room, over all types", async () => {
    const claim = await createClaimer();
    const burst = { burst: { limit: 2, windowMs: 30_000 } };
    expect(await claim(0, burst, 1)).toBe(true);
    expect(await claim(10, burst, 2)).toBe(true);
    expect(await claim(29, burst, 3)).toBe(false);
    expect(await claim(29, {}, 3)).toBe(true);
    expect(await claim(39, burst, 1)).toBe(false);
    expect(await claim(40, burst, 1)).toBe(true);
  });

  it("is granted only where the burst limit of its type has room, whatever other types were granted", async () => {
    const claim = await createClaimer();
    const burst = { typeBurst: { limit: 1, windowMs: 30_000 } };
    expect(await claim(0, burst, 1)).toBe(true);
    expect(await claim(1, burst, 2)).toBe(true);
    expect(await claim(29, burst, 1)).toBe(false);
    expect(await claim(30, burst, 1)).toBe(true);
    expect(await claim(30, burst, 2)).toBe(false);
  });
});
