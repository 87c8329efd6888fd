import PostalMime from "postal-mime";
import { describe, expect, it } from "vitest";
import { parseMailbox, parseSender } from "../../../domain/address.ts";
import { newUuid, publicId } from "../../../domain/ids.ts";
import { Effort } from "../../../domain/templates/effort.ts";
import { findLinks } from "../../../domain/templates/links/find-links.ts";
import { numberLink } from "../../../domain/templates/links/web-links.ts";
import { createTrackingTokens, type SignedLink } from "../../../domain/tracking/tokens.ts";
import { aboutNothing, type MessageTracking, type SendRequest } from "../channel.ts";
import { createComposer } from "./compose.ts";
import type { LinkSettings } from "./message-links.ts";
import { joinMessage } from "./smtp-job.ts";

const links: LinkSettings = {
  secrets: ["a-secret-of-at-least-32-characters"],
  publicUrl: "https://tidings.example.org/notify",
  trackingUrl: "https://t.example.org",
};
const tokens = createTrackingTokens(links.secrets);
const delivery = newUuid();
const switchId = newUuid();
const all: MessageTracking = {
  message: { delivery },
  opens: true,
  clicks: true,
  switchId,
  utm: null,
};

const compose = (
  html: string,
  tracking: MessageTracking | undefined,
  {
    data = {},
    text,
    settings = links,
  }: { data?: object; text?: string; settings?: LinkSettings | null } = {},
) => {
  const request: SendRequest = {
    messageId: publicId("delivery", delivery),
    templateVersionId: "tpv_1",
    content: { email: { subject: "Hi", html, ...(text !== undefined && { text }) } },
    recipient: {
      id: newUuid(),
      externalId: null,
      email: "ann@example.org",
      phone: null,
      timeZone: "UTC",
      locale: "en",
      attributes: {},
    },
    data: data as Record<string, unknown>,
    actions: [],
    email: null,
    about: aboutNothing,
    priority: "normal",
    ...(tracking && { tracking }),
    repeatable: true,
    begin: () => "open",
  };
  const composer = createComposer({
    sender: parseSender("Tidings <tidings@example.org>")!,
    clock: () => 0,
    ...(settings && { links: settings }),
  });
  return joinMessage(composer.compose(request, parseMailbox("ann@example.org")!, new Effort()));
};
const read = async (...args: Parameters<typeof compose>) => {
  const message = compose(...args);
  for (const line of message.split("\r\n")) expect(line.length).toBeLessThan(999);
  const { html, text } = await PostalMime.parse(message);
  return { html: html!, text: text! };
};
const targetsOf = (html: string) =>
  findLinks(html).links.map(({ href }): string | SignedLink => {
    const match = /^https:\/\/t\.example\.org\/t\/c\/([\w-]+)\/([\w-]+)$/.exec(href);
    if (!match) return href;
    expect(tokens.verifyMessage("click", match[1]!)).toEqual({ delivery });
    const link = tokens.verifyLink(match[2]!)!;
    expect(link.switchId).toBe(switchId);
    return link;
  });
const target = (url: string, label = url) => ({ switchId, url, number: numberLink(label) });
const hidden = { switchId, url: "", number: 0 };

const body = `<html><body><p>Hello {{ name }},</p>
<a href="https://shop.example.org/?a=1&amp;b=2">Shop</a> <a href="https://shop.example.org/{{ name }}/{{ name }}?x">Own</a>
{% if vip %}<p><a href='https://vip.example.org/'>For you</a></p>{% endif %}
<a href="mailto:ada@example.org">Mail</a> <a href="https://tidings.example.org/notify/p/secret">Settings</a>
<a href="https://sign-in.example.org/" data-tracking="off">Sign in</a></body></html>`;

describe("a tracked email", () => {
  it("has links that lead through the tracking host, and an image", async () => {
    const { html, text } = await read(body, all, { data: { name: "A&B", vip: true } });
    expect(targetsOf(html)).toEqual([
      target("https://shop.example.org/?a=1&b=2"),
      target("https://shop.example.org/A&B/A&B?x", "https://shop.example.org/{…}/{…}?x"),
      target("https://vip.example.org/"),
      "mailto:ada@example.org",
      "https://tidings.example.org/notify/p/secret",
      hidden,
    ]);
    expect(html).toContain('href="https://sign-in.example.org/"');
    const image = /<img src="https:\/\/t\.example\.org\/t\/o\/([\w-]+)\.gif"/.exec(html)!;
    expect(tokens.verifyMessage("open", image[1]!)).toEqual({ delivery });
    expect(html.indexOf(image[0])).toBeLessThan(html.indexOf("</body>"));
    expect(text).toContain("https://shop.example.org/?a=1&b=2");
    expect(text).not.toContain("t.example.org");
  });

  it("is right also where a value closes or opens tags", async () => {
    const { html } = await read(
      '{{ open | raw }}<a href="https://a.example.org/">a</a>{{ close | raw }}',
      all,
      { data: { open: "<!-- ", close: ' --><a href="https://b.example.org/">b</a>' } },
    );
    expect(targetsOf(html)).toEqual([target("https://b.example.org/"), hidden]);
  });

  it("tracks only what is asked for", async () => {
    const opens = await read(body, { ...all, clicks: false });
    expect(opens.html).toContain("/t/o/");
    expect(opens.html).not.toContain("/t/c/");
    const clicks = await read(body, { ...all, opens: false });
    expect(clicks.html).not.toContain("/t/o/");
    expect(clicks.html).toContain("/t/c/");
  });
});

describe("an email that is not tracked", () => {
  const withoutBoundary = (message: string) => message.replaceAll(/=_[0-9a-f]{24}/g, "boundary");
  it("is byte for byte what it was", () => {
    for (const html of [body, "<p>Hi</p>", '<a href="https://x.example.org">x</a>']) {
      const plain = compose(html, undefined, { settings: null });
      expect(withoutBoundary(compose(html, undefined))).toBe(withoutBoundary(plain));
    }
  });

  it("can have the parameters of its campaign in HTML and text", async () => {
    const utm = { source: "news", medium: "email", campaign: "spring" };
    const added = "utm_source=news&utm_medium=email&utm_campaign=spring";
    const tracking = { ...all, opens: false, clicks: false, utm };
    const { html, text } = await read(body, tracking, {
      data: { name: "Ann", vip: true },
      text: "See https://shop.example.org/?a=1, {{ name }}: https://tidings.example.org/u/x",
    });
    expect(findLinks(html).links.map(({ href }) => href)).toEqual([
      `https://shop.example.org/?a=1&b=2&${added}`,
      `https://shop.example.org/Ann/Ann?x&${added}`,
      `https://vip.example.org/?${added}`,
      "mailto:ada@example.org",
      "https://tidings.example.org/notify/p/secret",
    ]);
    expect(text.trim()).toBe(
      `See https://shop.example.org/?a=1&${added}, Ann: https://tidings.example.org/u/x`,
    );
    expect(html).not.toContain("/t/");
    const tracked = await read(body, { ...tracking, clicks: true });
    expect(targetsOf(tracked.html)[0]).toEqual({
      ...target("https://shop.example.org/?a=1&b=2"),
      url: `https://shop.example.org/?a=1&b=2&${added}`,
    });
  });
});
