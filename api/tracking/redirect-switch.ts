import { defineStatement, type Execute } from "../../ledger/sql.ts";
import { poll } from "../../lib/polling.ts";

const readEveryMs = 500;

const offStatement = defineStatement<object, { id: string }>(
  `SELECT id FROM campaigns WHERE NOT redirects
   UNION ALL SELECT id FROM notification_types WHERE document ->> 'redirects' = 'false'`,
  "without-redirects",
);

/**
 * Follows which campaigns and notification types have links that lead nowhere any more. What was read last holds while the database does not answer; a process that
 * could not read it yet lets all links lead on, since otherwise no link would work without the database.
 */
export function followRedirectSwitch(execute: Execute): {
  isOff(switchId: string): boolean;
  stop(): void;
} {
  let off: ReadonlySet<string> = new Set();
  const read = async () => {
    off = new Set((await execute(offStatement, {})).map(({ id }) => id));
  };
  read().catch(() => {});
  const reading = poll(read, readEveryMs);
  return { isOff: (switchId) => off.has(switchId), stop: () => reading.stop() };
}
