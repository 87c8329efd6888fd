// Attackers who slow others down, in a separate process, so that their own cost is not measured. The first argument is their
// configuration as JSON. They continue until the parent process ends, and ignore the answers.
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { person } from "./message.ts";
import type { Attack, AttackPlan } from "./overload.ts";

const plan = JSON.parse(process.argv[2]!) as AttackPlan;
const agent = new Agent({ keepAlive: true });
/** The delay after a refusal or a failed connection. */
const againMs = 50;

function send(
  method: string,
  path: string,
  { key, body = "" }: { key?: string; body?: string } = {},
): Promise<number> {
  return new Promise((resolve) => {
    const headers = {
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
      ...(body !== "" && { "content-type": "application/json" }),
      "content-length": Buffer.byteLength(body),
    };
    const sent = request(new URL(path, plan.url), { method, agent, headers }, (response) => {
      response.resume();
      response.on("close", () => resolve(response.statusCode ?? 0));
    });
    sent.on("error", () => resolve(0));
    sent.end(body);
  });
}

async function goOn(callers: number, call: () => Promise<number>): Promise<void> {
  const caller = async () => {
    for (;;) if ((await call()) >= 400) await sleep(againMs);
  };
  await Promise.all(Array.from({ length: callers }, caller));
}

/** Opens one connection after the other, and never sends the last byte. */
async function holdBack(): Promise<void> {
  const bytes = 1_000_000;
  const head = `POST /v1/actions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${bytes}\r\n\r\n`;
  const body = "x".repeat(bytes - 1);
  for (;;) {
    await new Promise<void>((closed) => {
      const socket = connect(Number(new URL(plan.url).port), "127.0.0.1");
      socket.on("error", () => {});
      socket.on("close", () => closed());
      socket.resume();
      socket.write(head);
      socket.write(body);
    });
    await sleep(againMs);
  }
}

const faults = JSON.stringify(
  Object.fromEntries(Array.from({ length: 100_000 }, (_, n) => [`f${n}`, n])),
);
/** A filter that reads every recipient many times. */
const filter = {
  any: Array.from({ length: 40 }, (_, n) => ({
    attribute: "first_name",
    contains: `nobody ${n}`,
  })),
};

const made: Record<Attack, () => Promise<unknown>> = {
  // Callers without a key, whose bodies have many faults.
  faults: () => goOn(4, () => send("POST", "/v1/actions", { body: faults })),
  bodies: () => Promise.all(Array.from({ length: 600 }, holdBack)),
  previews: () =>
    goOn(40, () =>
      send("POST", "/v1/segments/preview", { key: plan.viewer, body: JSON.stringify({ filter }) }),
    ),
  link: () => goOn(60, () => send("POST", plan.link)),
  async loops() {
    const recipients = Array.from({ length: 60 }, (_, n) => person(n).externalId);
    const body = JSON.stringify({ recipients, template: { key: plan.template }, data: {} });
    for (;;) {
      await send("POST", "/v1/notifications", { key: plan.sender, body });
      await sleep(10_000);
    }
  },
  renders: () =>
    goOn(20, () =>
      send("POST", `/v1/templates/${plan.template}/preview`, {
        key: plan.viewer,
        body: JSON.stringify({ data: {} }),
      }),
    ),
};

process.once("disconnect", () => process.exit(0));
process.on("SIGINT", () => {});
await Promise.all(plan.attacks.map((attack) => made[attack]()));
