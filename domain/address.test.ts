import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  addressKey,
  addressSpellings,
  keptAddress,
  parseMailbox,
  parseSender,
  restorePlus,
} from "./address.ts";

describe("a mailbox", () => {
  it.each([
    ["ann@example.org", "ann@example.org"],
    ["Ann.Lee+tag@Example.ORG", "Ann.Lee+tag@example.org"],
    ["o'neil@example.org", "o'neil@example.org"],
    ["ann@bücher.example", "ann@xn--bcher-kva.example"],
    ["ann@localhost", "ann@localhost"],
    ["ann@XN--bcher-KVA.example", "ann@xn--bcher-kva.example"],
    ["ann@bu\u0308cher.example", "ann@xn--bcher-kva.example"],
    ["ann@faß.example", "ann@xn--fa-hia.example"],
    ["ann@ab--cd.example", "ann@ab--cd.example"],
    [`ann@${"a".repeat(63)}.example`, `ann@${"a".repeat(63)}.example`],
  ])("is parsed: %s", (text, address) => {
    expect(parseMailbox(text)).toEqual({ address, domain: address.split("@")[1], smtpUtf8: false });
  });

  it("needs SMTPUTF8 where the part before the @ is not ASCII", () => {
    expect(parseMailbox("änn@bücher.example")).toMatchObject({
      address: "änn@xn--bcher-kva.example",
      smtpUtf8: true,
    });
  });

  it.each([
    "",
    "ann",
    "@example.org",
    "ann@",
    "ann@example..org",
    "ann@-example.org",
    "ann@[127.0.0.1]",
    "ann@127.0.0.1",
    "ann@0x7f.1",
    "ann@exam%41ple.org",
    "ann..lee@example.org",
    ".ann@example.org",
    "ann @example.org",
    "ann@example.org ",
    "a@b@example.org",
    "ann,bob@example.org",
    "<ann@example.org>",
    '"ann lee"@example.org',
    "ann@example.org\r\nRCPT TO:<bob@example.org>",
    "ann\u200b@example.org",
    "ann\u2028@example.org",
    "ann@exam\u200bple.org",
    "ann@exam\u00adple.org",
    "ann@xn--a.example",
    "ann@xn--.example",
    "ann@xn--example-.example",
    "ann@xn--bcher-kv.example.xn--a",
    "ann@xn--99999999.example",
    "ann@sub.XN--A.example",
    "ann@example.org.",
    "ann@.example.org",
    "ann@example.123",
    "ann@example-.org",
    `ann@${"a".repeat(64)}.example`,
    `ann@${"ü".repeat(60)}.example`,
    `${"é".repeat(33)}@example.org`,
    `${"a".repeat(65)}@example.org`,
    `ann@${"a.".repeat(130)}org`,
  ])("is refused: %j", (text) => {
    expect(parseMailbox(text)).toBeNull();
  });

  it("never contains a character that could end a command or a header, or begin another address", () => {
    const hostile = fc.string({
      unit: fc.oneof(
        fc.constantFrom(...'@.\r\n<>,;:"\\() \t\0a%'),
        fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
      ),
      maxLength: 20,
    });
    fc.assert(
      fc.property(hostile, hostile, (local, domain) => {
        const mailbox = parseMailbox(`${local}@${domain}`);
        if (mailbox) expect(mailbox.address).toMatch(/^[^\s\p{C}<>()[\]\\,;:"@]+@[a-z0-9.-]+$/u);
      }),
    );
  });
});

describe("a sender", () => {
  it.each([
    ["tidings@example.org", ""],
    ["<tidings@example.org>", ""],
    ["Tidings <tidings@example.org>", "Tidings"],
    ['  "Tidings, the \u00e9l\u00e9gant" <tidings@Example.ORG> ', "Tidings, the \u00e9l\u00e9gant"],
    ["Tid\r\nBcc: ings <tidings@example.org>", "Tid Bcc: ings"],
  ])("is parsed: %j", (text, name) => {
    expect(parseSender(text)).toMatchObject({ name, mailbox: { address: "tidings@example.org" } });
  });

  it.each(["", "no address", "Name <a@b@c>", "Name <a@example.org> more", "Name <ä@example.org>"])(
    "is refused: %j",
    (text) => {
      expect(parseSender(text)).toBeNull();
    },
  );
});

describe("addressKey", () => {
  it("is the same for all spellings of an address", () => {
    expect(addressKey("Ada@BÜCHER.example")).toBe(addressKey("ada@xn--bcher-kva.example"));
    expect(addressKey("ada@bücher.example")).toBe("ada@xn--bcher-kva.example");
  });

  it("is the same for all Unicode forms of a letter", () => {
    expect(addressKey("rene\u0301@example.org")).toBe(addressKey("ren\u00e9@example.org"));
    expect(parseMailbox("rene\u0301@example.org")?.address).toBe("ren\u00e9@example.org");
  });

  it("is null for a text that is not an address", () => {
    expect(addressKey("ada")).toBeNull();
  });
});

describe("keptAddress", () => {
  it.each([
    ["Ada@Example.ORG", "Ada@Example.ORG"],
    ["rene\u0301@Example.org", "ren\u00e9@Example.org"],
    ["Ada@BU\u0308CHER.Example", "Ada@b\u00fccher.example"],
    ["ada@\uff45xample.org", "ada@example.org"],
    ["ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"],
    ["no address\u0301", "no address\u0301".normalize()],
  ])("of %s is %s", (given, kept) => {
    expect(keptAddress(given)).toBe(kept);
    expect(keptAddress(kept)).toBe(kept);
    if (parseMailbox(given)) expect(addressKey(kept)).toBe(addressKey(given));
  });
});

describe("addressSpellings", () => {
  it("returns the spellings of a domain, of an address or of the end of an address", () => {
    const both = ["@bücher.example", "@xn--bcher-kva.example"];
    expect(addressSpellings("@BÜCHER.example").toSorted()).toEqual(both);
    expect(addressSpellings("@xn--bcher-kva.example").toSorted()).toEqual(both);
    expect(addressSpellings("Ada@Example.ORG")).toEqual(["ada@example.org"]);
    expect(addressSpellings("rene\u0301")).toEqual(["ren\u00e9"]);
  });
});

describe("restorePlus", () => {
  it("replaces a blank by a plus sign where the result is an address", () => {
    expect(restorePlus("ada news@example.org")).toBe("ada+news@example.org");
    expect(restorePlus("ada news")).toBe("ada news");
    expect(restorePlus("ada@example .org")).toBe("ada@example .org");
  });
});
