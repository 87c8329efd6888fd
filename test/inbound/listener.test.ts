import { once } from "node:events";
import { connect } from "node:net";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../../cli/stack/ports.ts";
import { samples } from "../../domain/returned-mail/samples.testing.ts";
import type { ActionTarget } from "../../domain/tokens.ts";
import { createUnsubscribeTokens } from "../../domain/unsubscribing.ts";
import { createRulebookReader } from "../../ledger/rulebook.ts";
import { startListener } from "../../workers/inbound/listener.ts";
import { createFeedbackLimit } from "../../workers/inbound/feedback-limit.ts";
import { createInboundMetrics } from "../../workers/inbound/metrics.ts";
import { createReceiver } from "../../workers/inbound/receive.ts";
import { createCampaignWorker } from "../support/campaign-worker.ts";
import {
  bounceDomain,
  returnAddresses,
  returnSecrets,
  sendReturned,
  startInboundProcess,
} from "../support/inbound.ts";
import { pushCertificate } from "../support/push-certificate.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";

const queue = "mailbox/0";
const tokens = createUnsubscribeTokens(returnSecrets);
const database = useLedgerDatabase({
  truncate: "routes, engagements, suppressions, events, inbound_reports",
});

let listener: Awaited<ReturnType<typeof startListener>>;
let port: number;
const metrics = createInboundMetrics();
beforeAll(async () => {
  listener = await startListener({
    host: "127.0.0.1",
    port: 0,
    domain: bounceDomain,
    addresses: returnAddresses,
    metrics,
    allowsFeedback: createFeedbackLimit({ limits: { ofNetwork: 6, ofAll: 10 } }),
    receive: createReceiver({
      pool: database.pool,
      addresses: returnAddresses,
      tokens,
      readRulebook: createRulebookReader(database.pool),
      mailboxShards: 1,
      clock: () => new Date(),
      patienceMs: 0,
    }),
    logger: pino({ level: "silent" }),
  });
  ({ port } = listener);
});
afterAll(() => listener.close());

/** Sends a message, and resolves with its recipient and its UUID. */
async function sendOne(): Promise<{ recipientId: string; delivery: string }> {
  const recipientIds = await database.seed.recipients(1);
  const [delivery] = await database.seed.notification({ recipientIds, queue });
  await createCampaignWorker(database.pool).dispatch(queue);
  return { recipientId: recipientIds[0]!, delivery: delivery! };
}

const bounceTo = (message: ActionTarget) => returnAddresses.of("bounce", message);
const kinds = async () =>
  (
    await database.pool.query<{ kind: string }>(
      "SELECT kind FROM inbound_reports ORDER BY received_at",
    )
  ).rows.map(({ kind }) => kind);
const suppressions = async () =>
  (await database.pool.query<{ reason: string }>("SELECT reason FROM suppressions")).rows.map(
    ({ reason }) => reason,
  );

describe("the receiver of returned mail", () => {
  it("takes nothing but mail to addresses with a valid MAC, in bounds", async () => {
    const { delivery } = await sendOne();
    const address = bounceTo({ delivery });
    for (const to of [
      address.replace(/.@/, (end) => (end.startsWith("a") ? "b@" : "a@")),
      `postmaster@${bounceDomain}`,
      "someone@elsewhere.example",
    ])
      await expect(sendReturned(port, { to, raw: samples.postfix })).rejects.toMatchObject({
        responseCode: 550,
      });
    const large = `${samples.postfix}${"x".repeat(998)}\r\n`.padEnd(1_100_000, "large\r\n");
    await expect(sendReturned(port, { to: address, raw: large })).rejects.toMatchObject({
      responseCode: 552,
    });
    await sendReturned(port, { to: address, raw: samples.absence });
    expect(await kinds()).toEqual(["automatic"]);
    expect(await database.statuses()).toEqual({ sent: 1 });
  });

  it("records a returned message before it answers, once however often it comes", async () => {
    const { delivery } = await sendOne();
    const mail = { to: bounceTo({ delivery }).toUpperCase(), raw: samples.postfixLocal };
    expect(await sendReturned(port, mail)).toMatch(/^250/);
    expect(await database.statuses()).toEqual({ failed: 1 });
    expect(await sendReturned(port, mail)).toMatch(/^250/);
    expect(await kinds()).toEqual(["bounced"]);
    expect(await suppressions()).toEqual(["bounced"]);
  });

  it("finds the message of a complaint in what the complaint contains, and refuses others", async () => {
    const { delivery } = await sendOne();
    const to = `Feedback@${bounceDomain}`;
    const mail = samples.complaint.replace(
      "b+abc@bounces.example.org",
      returnAddresses.of("unsubscribe", { delivery }),
    );
    expect(await sendReturned(port, { to, raw: mail })).toMatch(/^250/);
    expect(await suppressions()).toEqual(["complained"]);
    // Nobody can prove by mail that the message is wanted.
    const notSpam = mail
      .replace("Feedback-Type: abuse", "Feedback-Type: not-spam")
      .replace("<report@", "<other@");
    expect(await sendReturned(port, { to, raw: notSpam })).toMatch(/^250/);
    expect(await suppressions()).toEqual(["complained"]);
    for (const raw of [samples.complaint, samples.letter, samples.postfix])
      await expect(sendReturned(port, { to, raw })).rejects.toMatchObject({ responseCode: 550 });
    expect(await kinds()).toEqual(["complained", "not_spam"]);
  });

  it("takes so many complaints of one network, and other mail after them", async () => {
    const { delivery } = await sendOne();
    const to = `feedback@${bounceDomain}`;
    const codes: number[] = [];
    for (let mail = 0; mail < 7; mail += 1)
      codes.push(
        await sendReturned(port, { to, raw: samples.letter }).then(
          () => 250,
          ({ responseCode }: { responseCode: number }) => responseCode,
        ),
      );
    // The test before has sent some too.
    expect(codes.at(0)).toBe(550);
    expect(codes.at(-1)).toBe(451);
    const raw = samples.postfixLocal;
    expect(await sendReturned(port, { to: bounceTo({ delivery }), raw })).toMatch(/^250/);
    const text = await metrics.registry.metrics();
    expect(text).toMatch(/^tidings_inbound_refusals_total\{reason="feedback_rate"\} [1-9]/m);
    expect(text).toMatch(/^tidings_inbound_refusals_total\{reason="unusable"\} [1-9]/m);
    expect(text).toMatch(/^tidings_inbound_mails_total\{result="recorded"\} [1-9]/m);
    expect(text).toMatch(/^tidings_inbound_reports_total\{outcome="bounced"\} [1-9]/m);
    expect(text).toMatch(/^tidings_inbound_connections \d/m);
  });

  it("takes a message for delivered by a report to its own address only, if it has arrived and not if it was passed on", async () => {
    const { delivery } = await sendOne();
    const to = bounceTo({ delivery });
    const forged = to.replace(/.@/, (end) => (end.startsWith("a") ? "b@" : "a@"));
    const raw = samples.delivered;
    await expect(sendReturned(port, { to: forged, raw })).rejects.toMatchObject({
      responseCode: 550,
    });
    const passedOn = raw
      .replace("Action: delivered (to the mailbox)", "Action: relayed")
      .replace("<report@", "<other@");
    expect(await sendReturned(port, { to, raw: passedOn })).toMatch(/^250/);
    expect(await database.statuses()).toEqual({ sent: 1 });
    expect(await sendReturned(port, { to, raw })).toMatch(/^250/);
    expect(await database.statuses()).toEqual({ delivered: 1 });
  });

  it("unsubscribes who writes, by the token or by the message, and no program that answers", async () => {
    const { delivery, recipientId } = await sendOne();
    const to = returnAddresses.of("unsubscribe", { delivery });
    const token = tokens.sign({ recipientId, typeId: null, topicId: null, message: { delivery } });
    const write = (subject: string, headers = "") =>
      `From: ann@example.org\r\nSubject: ${subject}\r\n${headers}\r\n\r\n`;
    const from = "ann@example.org";
    await sendReturned(port, { to, from, raw: samples.absence });
    await sendReturned(port, { to, raw: write(`unsubscribe ${token}`) });
    expect(await suppressions()).toEqual([]);
    // A message without a type comes whatever its recipient has switched off.
    await sendReturned(port, { to, from, raw: write("unsubscribe") });
    expect(await suppressions()).toEqual([]);
    const raw = write(`unsubscribe ${token}`, "Message-ID: <1@example.org>\r\n");
    await database.pool.query(
      "TRUNCATE ended_deliveries, delivery_counts, delivery_count_changes CASCADE",
    );
    expect(await sendReturned(port, { to, from, raw })).toMatch(/^250/);
    expect(await sendReturned(port, { to, from, raw })).toMatch(/^250/);
    expect(await suppressions()).toEqual(["unsubscribed"]);
    const { rows } = await database.pool.query("SELECT kind FROM events");
    expect(rows).toEqual([{ kind: "recipient.unsubscribed" }]);
  });

  it("asks for the mail again while the database is away, or the message is being handed over", async () => {
    const { delivery } = await sendOne();
    const mail = { to: bounceTo({ delivery }), raw: samples.gmail };
    const name = new URL(database.url).pathname.slice(1);
    const admin = new URL(database.url);
    admin.pathname = "/postgres";
    const { Client } = await import("pg").then(({ default: pg }) => pg);
    const client = new Client({ connectionString: admin.href });
    await client.connect();
    await client.query(`ALTER DATABASE "${name}" ALLOW_CONNECTIONS false`);
    await client.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1",
      [name],
    );
    await expect(sendReturned(port, mail)).rejects.toMatchObject({ responseCode: 451 });
    await client.query(`ALTER DATABASE "${name}" ALLOW_CONNECTIONS true`);
    await client.end();
    await expect.poll(() => sendReturned(port, mail).catch(() => "")).toMatch(/^250/);
    expect(await database.statuses()).toEqual({ failed: 1 });

    await database.seed.notification({ recipientIds: await database.seed.recipients(1), queue });
    const { rows } = await database.pool.query<{ id: string }>(
      "UPDATE open_deliveries SET lease_token = gen_random_uuid(), lease_until = ledger_now() + interval '1 minute' RETURNING id",
    );
    const early = { to: bounceTo({ delivery: rows[0]!.id }), raw: samples.gmail };
    await expect(sendReturned(port, early)).rejects.toMatchObject({ responseCode: 451 });
  });

  it("limits the connections of one host", async () => {
    const sockets = Array.from({ length: 11 }, () => connect(port, "127.0.0.1"));
    const greetings = await Promise.all(
      sockets.map(async (socket) => String((await once(socket, "data"))[0]).slice(0, 3)),
    );
    for (const socket of sockets) socket.destroy();
    expect(greetings.toSorted()).toEqual([...Array<string>(10).fill("220"), "421"]);
  });
});

describe("npm run inbound", () => {
  it("loses nothing and counts nothing twice when it is killed before the commit", async () => {
    const { delivery } = await sendOne();
    const mail = { to: bounceTo({ delivery }), raw: samples.exchange };
    const first = await startInboundProcess(database.url);
    const blocker = await database.pool.connect();
    await blocker.query("BEGIN");
    await blocker.query("SELECT FROM ended_deliveries FOR UPDATE");
    const sending = sendReturned(first.port, mail).then(
      () => "taken",
      () => "not taken",
    );
    await expect
      .poll(
        async () =>
          (
            await database.pool.query(
              "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
            )
          ).rowCount,
      )
      .toBe(1);
    first.child.kill("SIGKILL");
    expect(await sending).toBe("not taken");
    await blocker.query("ROLLBACK");
    blocker.release();

    const httpPort = await freePort();
    const { cert, key } = pushCertificate;
    const second = await startInboundProcess(database.url, {
      INBOUND_HTTP_PORT: String(httpPort),
      INBOUND_TLS_CERT: cert,
      INBOUND_TLS_KEY: key,
    });
    expect(await sendReturned(second.port, mail)).toMatch(/^250/);
    expect(await sendReturned(second.port, { ...mail, ca: cert })).toMatch(/^250/);
    expect(await database.statuses()).toEqual({ failed: 1 });
    expect(await kinds()).toEqual(["bounced"]);
    await expect
      .poll(
        async () =>
          (
            await database.pool.query("SELECT kind, is_ready FROM processes WHERE pid = $1", [
              second.child.pid,
            ])
          ).rows as unknown[],
      )
      .toEqual([{ kind: "inbound", is_ready: true }]);
    const get = (path: string) => fetch(`http://127.0.0.1:${httpPort}${path}`);
    expect(await (await get("/healthz")).json()).toEqual({ status: "ok" });
    expect(await (await get("/readyz")).json()).toEqual({ status: "ready", writes: "accepted" });
    expect(await (await get("/metrics")).text()).toContain(
      'tidings_inbound_reports_total{outcome="repeated"} 1',
    );
    second.child.kill("SIGTERM");
    const [code] = (await once(second.child, "exit")) as [number];
    expect(code).toBe(0);
    expect(second.output()).not.toContain("@");
  });
});
