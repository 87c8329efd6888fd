import { pino } from "pino";
import { createPool } from "../../ledger/worker-pool.ts";
import { pushChannel, pushRequest } from "./push-channel.ts";

/** A process that sends one push message, as a worker would, for a test that kills it: database, port, recipient and message. */
const [url, port, recipientId, messageId] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
];

const pool = createPool({ url, connections: 2, logger: pino({ level: "silent" }) });
const { channel } = await pushChannel(pool, { port: Number(port) });
await channel.send(pushRequest(recipientId, { messageId }));
