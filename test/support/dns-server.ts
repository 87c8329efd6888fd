import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";

/** The records of a name. `fails`: the server says that it cannot answer. */
export interface Records {
  txt?: string[];
  mx?: { priority: number; exchange: string }[];
  a?: string[];
  fails?: boolean;
}

const types = { a: 1, mx: 15, txt: 16 } as const;
const longestPart = 255;

const nameOf = (name: string): Buffer =>
  Buffer.concat([
    ...name.split(".").map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
    Buffer.of(0),
  ]);

function textOf(text: string): Buffer {
  const parts = Buffer.from(text);
  const chunks = [];
  for (let at = 0; at < parts.length; at += longestPart) {
    const part = parts.subarray(at, at + longestPart);
    chunks.push(Buffer.of(part.length), part);
  }
  return Buffer.concat(chunks);
}

function uint16(...values: number[]): Buffer {
  const buffer = Buffer.alloc(values.length * 2);
  for (const [index, value] of values.entries()) buffer.writeUInt16BE(value, index * 2);
  return buffer;
}

function dataOf(type: number, records: Records): Buffer[] {
  if (type === types.txt) return (records.txt ?? []).map(textOf);
  if (type === types.a)
    return (records.a ?? []).map((address) => Buffer.from(address.split(".").map(Number)));
  if (type === types.mx)
    return (records.mx ?? []).map((mx) =>
      Buffer.concat([uint16(mx.priority), nameOf(mx.exchange)]),
    );
  return [];
}

/** Answers a query as RFC 1035 says, section 4. */
function answer(query: Buffer, zone: ReadonlyMap<string, Records>): Buffer {
  const labels = [];
  let at = 12;
  for (let length = query[at]!; length > 0; length = query[at]!) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += length + 1;
  }
  const question = query.subarray(12, at + 5);
  const type = query.readUInt16BE(at + 1);
  const records = zone.get(labels.join(".").toLowerCase());
  const code = records ? (records.fails ? 2 : 0) : 3;
  const data = records && !records.fails ? dataOf(type, records) : [];
  const pointerToName = 0xc00c;
  return Buffer.concat([
    query.subarray(0, 2),
    uint16(0x8180 | code, 1, data.length, 0, 0),
    question,
    ...data.flatMap((rdata) => [uint16(pointerToName, type, 1, 0, 60, rdata.length), rdata]),
  ]);
}

/** A name server over UDP, and a resolver that asks it. */
export async function startDnsServer(zone: ReadonlyMap<string, Records>) {
  const socket = createSocket("udp4");
  socket.on("message", (query, { port, address }) => {
    socket.send(answer(query, zone), port, address);
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  resolver.setServers([`127.0.0.1:${socket.address().port}`]);
  return { resolver, close: () => new Promise<void>((resolve) => socket.close(resolve)) };
}
