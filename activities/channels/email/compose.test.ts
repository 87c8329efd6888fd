import fc from "fast-check";
import PostalMime from "postal-mime";
import { describe, expect, it } from "vitest";
import { parseMailbox, parseSender } from "../../../domain/address.ts";
import type { TemplateContent } from "../../../domain/templates/content.ts";
import { emailScope, renderEmail } from "../../../domain/templates/template.ts";
import { TemplateError } from "../../../domain/templates/template-error.ts";
import { Effort } from "../../../domain/templates/effort.ts";
import type { EmailIdentity } from "../../../domain/email-identity.ts";
import { aboutNothing, type SendRequest } from "../channel.ts";
import { createComposer } from "./compose.ts";
import { joinMessage } from "./smtp-job.ts";

const at = Date.UTC(2026, 10, 22, 9, 5, 7);
const composer = () =>
  createComposer({ sender: parseSender("Tidings <tidings@example.org>")!, clock: () => at });

function request(
  content: TemplateContent,
  data: Record<string, unknown> = {},
  email = "ann@example.org",
): SendRequest {
  return {
    messageId: "dlv_01h455vb4pex5vsknk084sn02q",
    templateVersionId: "tpv_1",
    content,
    recipient: {
      id: "rcp_1",
      externalId: null,
      email,
      phone: null,
      timeZone: "UTC",
      locale: "en",
      attributes: {},
    },
    data,
    actions: [],
    email: null,
    about: aboutNothing,
    priority: "normal",
    repeatable: true,
    begin: () => "open",
  };
}

const compose = (made: SendRequest) =>
  joinMessage(composer().compose(made, parseMailbox(made.recipient.email!)!, new Effort()));

/** The parts that a reader should see, as in the preview. */
const expected = ({ content, recipient, data }: SendRequest) =>
  renderEmail(content, emailScope(recipient, data));

describe("a message", () => {
  it("consists of a reverse path, headers and a body", () => {
    const made = request({ email: { subject: "Hi", html: "<p>Hi</p>" } });
    const { from, headers, body } = composer().compose(
      made,
      parseMailbox("ann@example.org")!,
      new Effort(),
    );
    expect(from).toBe("tidings@example.org");
    for (const line of headers.split(/\r\n(?! )/).slice(0, -1)) expect(line).toMatch(/^[\w-]+: \S/);
    expect(headers).toMatch(/\S\r\n$/);
    expect(body).toMatch(/^--.+\r\nContent-Type: text\/plain; /);
  });

  it("can be unsubscribed from, at one click over https, and says which list it belongs to", () => {
    const content = {
      email: { subject: "News", html: '<a href="{{ unsubscribeUrl }}">Unsubscribe</a>' },
    };
    const list = {
      name: "team.news",
      unsubscribeUrl: "https://example.org/u/5QEBk5e2c3VxeJ8n2s1rYwGTl7Zzc3V4",
      feedback: "cmp_01h455vb4pex5vsknk084sn02q:team.news:campaign",
      isBulk: true,
    };
    const message = compose({ ...request(content), list });
    expect(message).toContain(
      [
        "List-Unsubscribe: <https://example.org/u/5QEBk5e2c3VxeJ8n2s1rYwGTl7Zzc3V4>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        "List-Id: <team.news.example.org>",
        "Feedback-ID: cmp_01h455vb4pex5vsknk084sn02q:team.news:campaign:tidings",
        "Precedence: bulk",
        "Date: ",
      ].join("\r\n"),
    );
    expect(message).toContain(
      "Unsubscribe [https://example.org/u/5QEBk5e2c3VxeJ8n2s1rYwGTl7Zzc3V4]",
    );
    const unsafe = { ...list, unsubscribeUrl: "http://127.0.0.1:8080/u/5QEB", isBulk: false };
    const local = compose({ ...request(content), list: unsafe });
    expect(local).toContain("List-Unsubscribe: <http://127.0.0.1:8080/u/5QEB>\r\nList-Id: ");
    expect(local).not.toContain("Precedence");
    expect(compose(request(content))).not.toMatch(/^(?:List-|Feedback-ID|Precedence)/m);
  });

  it("is in the locale of its recipient, or made from the content of another channel", async () => {
    const content: TemplateContent = {
      push: { title: "Hello", body: "a < b", url: "https://example.org/" },
      locales: { de: { email: { subject: "Hallo", html: "<p>Hallo {{ recipient.locale }}</p>" } } },
    };
    const own = composer();
    const to = parseMailbox("ann@example.org")!;
    const partsFor = async (locale: string) => {
      const made = request(content);
      const message = own.compose(
        { ...made, recipient: { ...made.recipient, locale } },
        to,
        new Effort(),
      );
      const { subject, html, text } = await PostalMime.parse(joinMessage(message));
      return { subject, html: html?.trim(), text: text?.trim() };
    };
    const german = { subject: "Hallo", html: "<p>Hallo de-AT</p>", text: "Hallo de-AT" };
    expect(await partsFor("de-AT")).toEqual(german);
    expect(await partsFor("fr")).toEqual({
      subject: "Hello",
      html: expect.stringContaining("<p>a &lt; b</p>"),
      text: "a < b\n\nhttps://example.org/",
    });
    expect(await partsFor("de-AT")).toEqual(german);
  });

  it("has its headers, and both a text part and an HTML part", async () => {
    const message = compose(
      request(
        { email: { subject: "Hi {{ name }}", html: "<p>Hi <b>{{ name }}</b></p>" } },
        { name: "Ann" },
      ),
    );
    const parsed = await PostalMime.parse(message);
    expect(parsed).toMatchObject({
      from: { name: "Tidings", address: "tidings@example.org" },
      to: [{ address: "ann@example.org" }],
      subject: "Hi Ann",
      messageId: "<dlv_01h455vb4pex5vsknk084sn02q@example.org>",
      date: new Date(at).toISOString(),
      html: "<p>Hi <b>Ann</b></p>\n",
      text: "Hi Ann\n",
    });
    expect(parsed.headers).toContainEqual(
      expect.objectContaining({
        key: "x-tidings-delivery",
        value: "dlv_01h455vb4pex5vsknk084sn02q",
      }),
    );
    expect(message).toContain("\r\nDate: Sun, 22 Nov 2026 09:05:07 +0000\r\n");
  });

  it("is marked as generated automatically", async () => {
    const { headers } = await PostalMime.parse(
      compose(request({ email: { subject: "x", html: "x" } })),
    );
    expect(headers).toContainEqual(
      expect.objectContaining({ key: "auto-submitted", value: "auto-generated" }),
    );
  });

  it.each<[EmailIdentity, object]>([
    [{}, { from: { name: "Tidings", address: "tidings@example.org" } }],
    [
      { fromName: "Ada, of Example" },
      { from: { name: "Ada, of Example", address: "tidings@example.org" } },
    ],
    [
      { fromName: "Bücher", fromAddress: "shop@bücher.example", replyTo: "help@example.org" },
      {
        from: { name: "Bücher", address: "shop@xn--bcher-kva.example" },
        replyTo: [{ name: "", address: "help@example.org" }],
      },
    ],
  ])("has the sender of its campaign, template or type: %o", async (email, expected) => {
    const made = { ...request({ email: { subject: "x", html: "x" } }), email };
    const parsed = await PostalMime.parse(compose(made));
    expect(parsed).toMatchObject(expected);
    expect(parsed.messageId).toBe("<dlv_01h455vb4pex5vsknk084sn02q@example.org>");
  });

  it.each([
    ["Ada", "Ada"],
    ["Ada Lovelace", "Ada Lovelace"],
    ['Ada "the first" <eve@example.org>', 'Ada "the first" <eve@example.org>'],
    ["Ada\r\nBcc: eve@example.org", "Ada Bcc: eve@example.org"],
    ["Zoë Müller-Ångström", "Zoë Müller-Ångström"],
    ["\u202eecnahceB", "ecnahceB"],
    ["x".repeat(300), "x".repeat(100)],
    ["  ", ""],
    [17, ""],
    [undefined, ""],
  ])("names its recipient: %j", async (name, shown) => {
    const made = request({ email: { subject: "x", html: "x" } });
    const recipient = { ...made.recipient, attributes: { name } };
    const message = compose({ ...made, recipient });
    for (const line of message.split("\r\n")) expect(line.length).toBeLessThanOrEqual(78);
    const parsed = await PostalMime.parse(message);
    expect(parsed.to).toEqual([{ address: "ann@example.org", name: shown }]);
    expect(parsed.headers.some(({ key }) => key === "bcc")).toBe(false);
  });

  it("of a group has the id of the group", async () => {
    const messageId = "grp_01h455vb4pex5vsknk084sn02q";
    const made = { ...request({ email: { subject: "x", html: "x" } }), messageId };
    const parsed = await PostalMime.parse(compose(made));
    expect(parsed.messageId).toBe(`<${messageId}@example.org>`);
    const ids = parsed.headers.filter(({ key }) => key.startsWith("x-tidings-"));
    expect(ids).toEqual([expect.objectContaining({ key: "x-tidings-group", value: messageId })]);
  });

  it("is marked as important only if it is critical", async () => {
    const importance = async (priority: SendRequest["priority"]) => {
      const made = { ...request({ email: { subject: "x", html: "x" } }), priority };
      const { headers } = await PostalMime.parse(compose(made));
      return headers
        .filter(({ key }) => key === "importance" || key === "x-priority")
        .map(({ value }) => value);
    };
    expect(await importance("critical")).toEqual(["high", "1"]);
    expect(await importance("high")).toEqual([]);
  });

  it("has its actions where the template puts them, which replace data named `actions` only if there are any", async () => {
    const html = `{% for action in actions %}<a href="{{ action.url }}">{{ action.label }}</a>{% endfor %}`;
    const made = request({ email: { subject: "x", html } }, { actions: [{ label: "mine" }] });
    const actions = [
      { action: "view", label: "Look <now>", url: "https://example.org/a/1?x&y" },
    ] as const;
    const [own, offered] = await Promise.all(
      [made, { ...made, actions }].map((one) => PostalMime.parse(compose(one))),
    );
    expect(own!.html).toBe('<a href="">mine</a>\n');
    expect(offered!.html).toBe('<a href="https://example.org/a/1?x&amp;y">Look &lt;now&gt;</a>\n');
  });

  const character = fc.oneof(
    { weight: 3, arbitrary: fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 1 }) },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        "\r\n",
        "\n",
        "\r",
        ".",
        "\n.\n",
        "=",
        " \n",
        "\t",
        "--=_",
        "=?UTF-8?B?YQ==?=",
        "\r\nBcc: eve@example.org\r\n\r\n",
        "From ",
        "é",
        "漢",
        "😀",
      ),
    },
    {
      weight: 1,
      arbitrary: fc
        .string({ unit: "binary", minLength: 1, maxLength: 1 })
        .filter((text) => !/[{\0\p{Surrogate}]/u.test(text)),
    },
  );
  const hostile = fc.array(character, { maxLength: 120 }).map((characters) => characters.join(""));
  const literal = hostile.map((text) => text.replaceAll("{", "(") || "-");

  it("reads as its template and data intend, whatever characters they contain", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(literal, { minLength: 3, maxLength: 3 }),
        fc.array(hostile, { minLength: 3, maxLength: 3 }),
        async (literals, values) => {
          const [before, between, after] = literals as [string, string, string];
          const body = `${before}{{ a }}${between}{{ b }}{% if c != "" %}{{ c }}${after}{% endif %}`;
          const made = request(
            {
              email: {
                subject: `{{ a }} ${before.replace(/[\r\n]/g, " ")} {{ b }}`,
                html: body,
                text: body,
              },
            },
            { a: values[0], b: values[1], c: values[2] },
          );
          let meant;
          try {
            meant = expected(made);
          } catch {
            expect(() => compose(made)).toThrow(TemplateError);
            return;
          }
          const message = compose(made);
          for (const line of message.split("\r\n"))
            expect(line).toMatch(/^(?!\.)[\t\x20-\x7e]{0,76}$/);
          expect(message).toMatch(/\r\n$/);
          const parsed = await PostalMime.parse(message);
          expect(parsed.headers.map(({ key }) => key)).toEqual([
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
          expect(parsed.to).toEqual([{ address: "ann@example.org", name: "" }]);
          expect(parsed.subject ?? "").toBe(meant.subject);
          // Postal-mime adds a line feed to each part.
          expect(parsed.html).toBe(`${meant.html}\n`);
          expect(parsed.text).toBe(`${meant.text}\n`);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("has the same generated text part as its preview", async () => {
    const source = fc.array(
      fc.oneof(
        fc.constantFrom(
          "{{ a }}",
          "{{ b | raw }}",
          "{% if a %}",
          "{% endif %}",
          "<p>",
          "</p>",
          "<li>",
          "<td>",
          '<a href="{{ a }}">',
          "</a>",
          '<p style="color:{{ b }}">',
        ),
        literal,
      ),
      { minLength: 1, maxLength: 8 },
    );
    await fc.assert(
      fc.asyncProperty(source, hostile, hostile, async (pieces, a, b) => {
        const made = request({ email: { subject: "S", html: pieces.join("") } }, { a, b });
        let meant;
        try {
          meant = expected(made);
        } catch {
          expect(() => compose(made)).toThrow(TemplateError);
          return;
        }
        const parsed = await PostalMime.parse(compose(made));
        expect(parsed.text ?? "\n").toBe(`${meant.text}\n`);
        expect(parsed.html ?? "\n").toBe(`${meant.html}\n`);
      }),
      { numRuns: 300 },
    );
  });

  it("folds a long subject of plain words, and encodes only other words", async () => {
    const words = `${"marmalade ".repeat(12)}für ${"jam ".repeat(12)}`.trim();
    const message = compose(request({ email: { subject: "{{ a }}", html: "x" } }, { a: words }));
    expect((await PostalMime.parse(message)).subject).toBe(words);
    const [subject] = /^Subject:.*\r\n(?: .*\r\n)*/m.exec(message)!;
    expect(subject.match(/=\?UTF-8/g)).toHaveLength(1);
    for (const line of message.split("\r\n")) expect(line.length).toBeLessThanOrEqual(76);
  });

  it("keeps a recipient address beyond ASCII as it is", () => {
    const made = request({ email: { subject: "x", html: "x" } }, {}, "änn@bücher.example");
    expect(compose(made)).toContain("\r\nTo: änn@xn--bcher-kva.example\r\n");
  });

  it("cannot be composed if its template fails, while others can", () => {
    const content = { email: { subject: "x", html: "{% for i in (1..n) %}x{% endfor %}" } };
    const kept = composer();
    const to = parseMailbox("ann@example.org")!;
    expect(() => kept.compose(request(content, { n: 99_999_999 }), to, new Effort())).toThrow(
      /^html: memory alloc limit exceeded, line:1/,
    );
    expect(kept.compose(request(content, { n: 3 }), to, new Effort()).body).toContain("xxx");
  });

  it("has the content of its own version", () => {
    const kept = composer();
    const to = parseMailbox("ann@example.org")!;
    for (let version = 0; version < 250; version += 1) {
      const made = {
        ...request({ email: { subject: `v${version % 120}`, html: "x" } }),
        templateVersionId: `tpv_${version % 120}`,
      };
      expect(kept.compose(made, to, new Effort()).headers).toContain(
        `\r\nSubject: v${version % 120}\r\n`,
      );
    }
  });
});
