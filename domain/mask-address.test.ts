import { describe, expect, it } from "vitest";
import { maskAddresses, maskAddressesIn } from "./mask-address.ts";

describe("masking addresses", () => {
  it.each([
    ["ada@example.org", "a•••@example.org"],
    ["a@example.org", "•••@example.org"],
    ["😀x@example.org", "😀•••@example.org"],
    ["+4915112345678", "+49•••78"],
    ["+49 (151) 123-456", "+49•••56"],
    ["550 <ada.b+c@example.org>: no such user", "550 <a•••@example.org>: no such user"],
    ["customer-17", "customer-17"],
    ["a + b = 12", "a + b = 12"],
  ])("%s becomes %s", (given, masked) => {
    expect(maskAddresses(given)).toBe(masked);
  });

  it("reaches every text of a JSON value, and leaves the rest as it is", () => {
    expect(
      maskAddressesIn({
        plan: "pro",
        seats: 3,
        since: null,
        deep: [{ "owner@example.org": "bob@example.org" }],
      }),
    ).toEqual({
      plan: "pro",
      seats: 3,
      since: null,
      deep: [{ "owner@example.org": "b•••@example.org" }],
    });
  });

  it("leaves nothing of a local part beyond its first character", () => {
    const long = "x".repeat(64);
    expect(maskAddresses(`${long}@example.org`)).toBe("x•••@example.org");
  });

  it("takes a time that grows with the length of the text only", () => {
    const text = "x".repeat(200_000);
    expect(maskAddresses(text)).toBe(text);
  });
});
