import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import PostalMime from "postal-mime";
import { SMTPServer } from "smtp-server";
import { afterEach, describe, expect, it } from "vitest";
import type { Channel, SendResult } from "../../activities/channels/channel.ts";
import { channelTo, outcomes, provider, request } from "./email-channel.ts";

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** A server that keeps what it is sent. */
async function mailbox() {
  const received: string[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS", "AUTH"],
    disableReverseLookup: true,
    logger: false,
    onData(stream, _, done) {
      text(stream).then((raw) => {
        received.push(raw);
        done();
      }, done);
    },
  });
  server.on("error", () => {});
  server.listen(0, "127.0.0.1");
  await once(server.server, "listening");
  cleanups.push(() => new Promise<void>((resolve) => server.close(resolve)));
  return { received, port: (server.server.address() as AddressInfo).port };
}

function channel(port: number, inFlightBound = 10): Channel {
  const made = channelTo([provider(port, { connections: 2 })], { inFlightBound });
  cleanups.push(() => made.close());
  return made;
}

const loops = "{% for i in (1..n) %}{% for j in (1..1000) %}{% endfor %}{% endfor %}";
const heavy = (rounds: number, templateVersionId = "tpv_heavy") =>
  request("ann@example.org", {
    templateVersionId,
    content: { email: { subject: "Heavy", html: `<p>{{ n }}${loops}</p>` } },
    data: { n: rounds },
  });
/** Beyond every limit, after all the steps that a message may take. */
const bomb = (templateVersionId = "tpv_bomb") => heavy(99_999, templateVersionId);

const said = (result: SendResult) =>
  result.kind === "unsendable" ? result.detail : result.kind === "held" ? result.reason : "sent";

describe("a message that takes long to make", () => {
  it("is sent as it would be, had it been made at once", async () => {
    const { received, port } = await mailbox();
    expect(outcomes(await channel(port).send(heavy(20)))).toEqual(["sent"]);
    const { subject, html, text: plain } = await PostalMime.parse(received[0]!);
    expect({ subject, html, plain }).toEqual({
      subject: "Heavy",
      html: "<p>20</p>\n",
      plain: "20\n",
    });
  });

  it("holds up no other, of its channel or another: they are answered before one of its kind is", async () => {
    const { port } = await mailbox();
    const [delivery, critical] = [channel(port), channel(port, 4)];
    const order: string[] = [];
    const note = (who: string, sent: Promise<SendResult>) =>
      sent.then((result) => order.push(`${who} ${said(result)}`));
    const sending = [
      ...Array.from({ length: 60 }, () => note("bomb", delivery.send(bomb()))),
      ...Array.from({ length: 3 }, () => note("bomb", critical.send(bomb()))),
      note("same channel", delivery.send(request())),
      note("critical", critical.send(request())),
    ];
    await Promise.all(sending);
    const first = order.findIndex((line) => line.includes("takes more than"));
    expect(first).toBeGreaterThan(0);
    expect(order.indexOf("same channel sent")).toBeLessThan(first);
    expect(order.indexOf("critical sent")).toBeLessThan(first);
    // The others wait for their turn in the ledger, and hold no place meanwhile.
    expect(order.filter((line) => line === "bomb rendering").length).toBeGreaterThan(50);
  });

  it("waits for no more than one message of another version", async () => {
    const { port } = await mailbox();
    const email = channel(port);
    const order: string[] = [];
    await Promise.all([
      ...["tpv_a", "tpv_a", "tpv_a", "tpv_b"].map((version) =>
        email.send(bomb(version)).then((result) => order.push(`bomb ${said(result)}`)),
      ),
      email.send(heavy(20)).then((result) => order.push(`heavy ${said(result)}`)),
    ]);
    const before = order.slice(0, order.indexOf("heavy sent"));
    expect(before.length).toBeLessThanOrEqual(2);
    expect(order).toContain("heavy sent");
  });
});

describe("a template version that goes beyond its limits", () => {
  it("is not rendered after the third time in a row, and that is said", async () => {
    const { port, received } = await mailbox();
    const email = channel(port);
    for (let time = 0; time < 3; time += 1)
      expect(said(await email.send(bomb()))).toMatch(/^html: takes more than 2000000 steps/);
    const refused = await email.send(bomb());
    expect(refused).toMatchObject({ kind: "unsendable", reason: "template_error" });
    expect(said(refused)).toMatch(
      /^not rendered, because 3 messages in a row .* exceeded its limits.*html: takes more than 2000000 steps/,
    );
    // Whatever its data: it is not looked at. Other versions are.
    expect(said(await email.send(heavy(1, "tpv_bomb")))).toMatch(/^not rendered/);
    expect(said(await email.send(request()))).toBe("sent");
    expect(received).toHaveLength(1);
  });

  it("waits instead where messages of it were sent before", async () => {
    const { port } = await mailbox();
    const email = channel(port);
    expect(said(await email.send(heavy(20, "tpv_bomb")))).toBe("sent");
    for (let time = 0; time < 3; time += 1)
      expect(said(await email.send(bomb()))).toMatch(/takes more than/);
    expect(await email.send(bomb())).toMatchObject({ kind: "held", reason: "rendering" });
  });

  it("is counted also where a limit is reached at once", async () => {
    const { port } = await mailbox();
    const email = channel(port);
    const range = () =>
      request("ann@example.org", {
        templateVersionId: "tpv_range",
        content: { email: { subject: "S", html: "{% for i in (1..99999999) %}x{% endfor %}" } },
      });
    for (let time = 0; time < 3; time += 1)
      expect(said(await email.send(range()))).toMatch(/^html: memory alloc limit exceeded/);
    expect(said(await email.send(range()))).toMatch(/^not rendered/);
  });
});
