import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import PostalMime, { type Email } from "postal-mime";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { afterEach, describe, expect, it } from "vitest";
import type { SendRequest } from "../../activities/channels/channel.ts";
import type { SmtpProvider } from "../../config/smtp.ts";
import { attemptsOf, channelTo, outcomes, provider, request } from "./email-channel.ts";

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

interface Received {
  from: string;
  to: string[];
  secure: boolean;
  user: string | undefined;
  email: Email;
}

/** A mailbox behind nodemailer's own server. */
async function mailbox(options: SMTPServerOptions = {}) {
  const received: Received[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS", "AUTH"],
    disableReverseLookup: true,
    // Else it warns of its certificate.
    logger: false,
    onData(stream, session, done) {
      text(stream)
        .then(async (raw) => {
          const { mailFrom, rcptTo } = session.envelope;
          received.push({
            from: mailFrom ? mailFrom.address : "",
            to: rcptTo.map(({ address }) => address),
            secure: session.secure,
            user: session.user,
            email: await PostalMime.parse(raw),
          });
          done();
        })
        .catch(done);
    },
    ...options,
  });
  server.on("error", () => {});
  server.listen(0, "127.0.0.1");
  await once(server.server, "listening");
  cleanups.push(() => new Promise<void>((resolve) => server.close(resolve)));
  return { received, port: (server.server.address() as AddressInfo).port };
}

function channel(port: number, settings: Partial<SmtpProvider> = {}) {
  const made = channelTo([provider(port, { connections: 3, ...settings })]);
  cleanups.push(() => made.close());
  return made;
}

describe.each([
  ["that pipelines", {}],
  ["that does not pipeline", { hidePIPELINING: true }],
])("a mail server %s", (_, options: SMTPServerOptions) => {
  it("gets every message whole, once, and in its own words", async () => {
    const { port, received } = await mailbox(options);
    const made = channel(port);
    const send = (one: SendRequest) => made.send(one);
    const content = {
      email: {
        subject: "{{ name }} ✓",
        html: "<p>.{{ name }}</p>\n.\n<a href='https://example.org/?a={{ recipient.id }}'>x</a>",
      },
    };
    const sent = Array.from({ length: 100 }, (__, index) =>
      request(`r${index}@example.org`, {
        content,
        templateVersionId: "many",
        data: { name: `.\r\n.\r\nMAIL FROM:<é${index}>` },
      }),
    );
    const results = await Promise.all(sent.map(send));
    expect(new Set(results.flatMap(outcomes))).toEqual(new Set(["sent"]));
    expect(received.map(({ to }) => to.join()).toSorted()).toEqual(
      sent.map(({ recipient }) => String(recipient.email)).toSorted(),
    );
    for (const { from, to, email } of received) {
      const index = Number(/\d+/.exec(to[0]!));
      expect(from).toBe("tidings@example.org");
      expect(email.to).toEqual([{ address: to[0], name: "" }]);
      expect(email.subject).toBe(`. . MAIL FROM:<é${index}> ✓`);
      expect(email.html).toBe(
        `<p>..\n.\nMAIL FROM:&lt;é${index}&gt;</p>\n.\n<a href='https://example.org/?a=rcp_1'>x</a>\n`,
      );
      expect(email.messageId).toBe(`<${sent[index]!.messageId}@example.org>`);
    }
  });

  it("gets no header but our own, whatever subject, data and attributes hold", async () => {
    const { port, received } = await mailbox(options);
    const breaks = [
      "\r\n",
      "\n",
      "\r",
      "\r\n\r\n",
      "\u0085",
      "\u2028",
      "\v",
      "\f",
      "%0d%0a",
      "\\r\\n",
    ];
    const content = {
      email: {
        subject: "To {{ recipient.attributes.name }}:\r\nX-Literal: 1 {{ name }}",
        html: "<p>{{ name }}{{ recipient.attributes.name }}</p>",
      },
    };
    const made = channel(port);
    for (const lineEnd of breaks) {
      const evil = `x${lineEnd}Bcc: victim@example.org${lineEnd}Content-Type: text/plain${lineEnd}${lineEnd}.${lineEnd}`;
      const one = request("ann@example.org", {
        content,
        templateVersionId: "headers",
        data: { name: evil },
      });
      const recipient = { ...one.recipient, attributes: { name: evil } };
      expect(outcomes(await made.send({ ...one, recipient }))).toEqual(["sent"]);
    }
    expect(received).toHaveLength(breaks.length);
    for (const { to, email } of received) {
      expect(to).toEqual(["ann@example.org"]);
      expect(email.headers.map(({ key }) => key)).toEqual([
        "from",
        "auto-submitted",
        "to",
        "subject",
        "message-id",
        "x-tidings-delivery",
        "date",
        "mime-version",
        "content-type",
      ]);
      expect(email.bcc).toBeUndefined();
      expect(email.subject).toMatch(/^To x.*X-Literal: 1 x.*Bcc: victim@example\.org/);
      expect(email.html).toMatch(/^<p>x[\s\S]*<\/p>\s*$/);
    }
  });

  it("may refuse some", async () => {
    const { port, received } = await mailbox({
      ...options,
      onRcptTo({ address }, _session, done) {
        done(
          address.startsWith("no")
            ? Object.assign(new Error("no such user"), { responseCode: 550 })
            : null,
        );
      },
    });
    const made = channel(port, { connections: 1 });
    const send = (one: SendRequest) => made.send(one);
    const results = await Promise.all(
      ["a", "no1", "b", "no2", "no3", "c"].map((name) => send(request(`${name}@example.org`))),
    );
    expect(results.flatMap(outcomes)).toEqual([
      "sent",
      "permanent/unknown_address",
      "sent",
      "permanent/unknown_address",
      "permanent/unknown_address",
      "sent",
    ]);
    expect(received.flatMap(({ to }) => to)).toEqual([
      "a@example.org",
      "b@example.org",
      "c@example.org",
    ]);
  });

  it("takes a recipient beyond ASCII where it speaks SMTPUTF8", async () => {
    const { port, received } = await mailbox(options);
    const made = channel(port, { connections: 1 });
    const send = (one: SendRequest) => made.send(one);
    const results = await Promise.all([
      send(request("änn@bücher.example")),
      send(request("bob@example.org")),
    ]);
    expect(results.flatMap(outcomes)).toEqual(["sent", "sent"]);
    expect(received[0]!.to[0]).toMatch(/^änn@/);
    expect(received[0]!.email.to).toEqual([{ address: "änn@xn--bcher-kva.example", name: "" }]);
  });
});

describe("a mail server that wants to know who speaks", () => {
  const credentials = { user: "tidings", pass: "correct horse" };
  const authenticating: SMTPServerOptions = {
    authOptional: false,
    secure: true,
    disabledCommands: [],
    onAuth({ username, password }, _session, done) {
      if (username === credentials.user && password === credentials.pass)
        done(null, { user: username });
      else done(new Error(`Invalid login for ${username}: ${password}`));
    },
  };

  const inPrivate = { secure: true, verifyTls: false };

  it("gets the credentials", async () => {
    const { port, received } = await mailbox(authenticating);
    const made = channel(port, { ...inPrivate, auth: credentials });
    expect(outcomes(await made.send(request()))).toEqual(["sent"]);
    expect(received[0]!.user).toBe("tidings");
  });

  it.each([
    ["offers no TLS", { disabledCommands: ["STARTTLS"] }, {}],
    [
      "offers no TLS, and need not prove who it is",
      { disabledCommands: ["STARTTLS"] },
      { verifyTls: false },
    ],
    ["hides that it has TLS", { hideSTARTTLS: true, disabledCommands: ["STARTTLS"] }, {}],
  ])("that %s never gets them, nor the message", async (_, options, settings) => {
    const heard: string[] = [];
    const { port, received } = await mailbox({
      ...authenticating,
      ...options,
      secure: false,
      allowInsecureAuth: true,
      onAuth({ username }, _session, done) {
        heard.push(String(username));
        done(null, { user: username });
      },
    });
    const made = channel(port, { ...settings, auth: credentials });
    expect(outcomes(await made.send(request()))).toEqual(["transient/connection"]);
    expect(heard).toEqual([]);
    expect(received).toEqual([]);
  });

  it("leaves the message to be sent later where they are wrong, and they are not in the answer", async () => {
    const { port } = await mailbox(authenticating);
    const wrong = { user: "someone", pass: "wrong horse" };
    const made = channel(port, { ...inPrivate, auth: wrong });
    const [attempt] = attemptsOf(await made.send(request()));
    expect(attempt).toMatchObject({
      outcome: "transient",
      failure: "auth",
      response: expect.stringContaining("Invalid login"),
    });
    expect(attempt!.response).not.toMatch(/someone|wrong horse/);
  });

  it("leaves it likewise where there are none, or it takes none", async () => {
    const { port } = await mailbox(authenticating);
    expect(outcomes(await channel(port, inPrivate).send(request()))).toEqual(["transient/auth"]);
    const { port: indifferent } = await mailbox({ secure: true, disabledCommands: ["AUTH"] });
    const made = channel(indifferent, { ...inPrivate, auth: credentials });
    expect(outcomes(await made.send(request()))).toEqual(["transient/auth"]);
  });
});

// Smtp-server brings a certificate of its own, signed by no one.
describe("a mail server with TLS", () => {
  it.each([
    ["from the first byte", { secure: true }, { secure: true, verifyTls: false }],
    ["by STARTTLS", { disabledCommands: ["AUTH"] }, { requireTls: true, verifyTls: false }],
  ])("is spoken to in private %s", async (_, options, settings) => {
    const { port, received } = await mailbox(options);
    const made = channel(port, settings);
    const send = (one: SendRequest) => made.send(one);
    const results = await Promise.all(Array.from({ length: 20 }, () => send(request())));
    expect(new Set(results.flatMap(outcomes))).toEqual(new Set(["sent"]));
    expect(received).toHaveLength(20);
    expect(received.every(({ secure }) => secure)).toBe(true);
  });

  it("gets messages of every length, one after another", async () => {
    const { port, received } = await mailbox({ secure: true });
    const made = channel(port, { secure: true, verifyTls: false, connections: 1 });
    const lengths = [1, 40_000, 1, 400_000, 2_000, 40_000, 1];
    const results = await Promise.all(
      lengths.map((length) =>
        made.send(
          request("a@example.org", {
            content: { email: { subject: "x", html: "{{ a }}", text: "{{ a }}" } },
            templateVersionId: "lengths",
            data: { a: "x".repeat(length) },
          }),
        ),
      ),
    );
    expect(new Set(results.flatMap(outcomes))).toEqual(new Set(["sent"]));
    expect(received.map(({ email }) => email.text!.trim().length)).toEqual(lengths);
  });

  it("is not trusted without a certificate that can be verified", async () => {
    const { port, received } = await mailbox({ disabledCommands: ["AUTH"] });
    expect(outcomes(await channel(port).send(request()))).toEqual(["transient/connection"]);
    expect(received).toEqual([]);
  });

  it("is not spoken to in the clear where TLS is required", async () => {
    const { port, received } = await mailbox();
    expect(outcomes(await channel(port, { requireTls: true }).send(request()))).toEqual([
      "transient/connection",
    ]);
    expect(received).toEqual([]);
  });
});

describe("a request", () => {
  it.each([
    [null],
    ["not an address"],
    ["a@example.org\r\nRCPT TO:<b@example.org>"],
    ["a@b@example.org"],
  ])("without an address is unsendable: %j", async (email) => {
    const { port, received } = await mailbox();
    expect(await channel(port).send(request(email))).toEqual({
      kind: "unsendable",
      reason: "invalid_address",
      detail: expect.any(String),
    });
    expect(received).toEqual([]);
  });

  it("whose template fails is unsendable, while its neighbours are sent", async () => {
    const { port, received } = await mailbox();
    const made = channel(port, { connections: 1 });
    const send = (one: SendRequest) => made.send(one);
    const content = { email: { subject: "x", html: "{% for i in (1..n) %}{{ i }}{% endfor %}" } };
    const results = await Promise.all(
      [3, 99_999_999, 3].map((n) =>
        send(request("a@example.org", { content, templateVersionId: "loop", data: { n } })),
      ),
    );
    expect(results[1]).toEqual({
      kind: "unsendable",
      reason: "template_error",
      detail: expect.stringMatching(/^html: memory alloc limit exceeded/),
    });
    expect([results[0]!, results[2]!].flatMap(outcomes)).toEqual(["sent", "sent"]);
    expect(received).toHaveLength(2);
  });

  it("is dated by the clock it was given", async () => {
    const { port } = await mailbox();
    const at = Date.UTC(2026, 0, 2, 3, 4, 5);
    const made = channelTo([provider(port)], { clock: () => at });
    cleanups.push(() => made.close());
    expect(attemptsOf(await made.send(request()))).toEqual([
      {
        provider: "first",
        outcome: "sent",
        failure: null,
        response: expect.stringMatching(/^250/),
        startedAt: new Date(at),
        finishedAt: new Date(at),
      },
    ]);
  });
});
