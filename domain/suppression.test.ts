import { describe, expect, it } from "vitest";
import { addressKey } from "./address.ts";
import { importedSuppression, newSuppression, suppressedAddress } from "./suppression.ts";

describe("a suppressed address", () => {
  it.each(["Ada@Example.org", "ADA@EXAMPLE.ORG", "ada@example.org"])(
    "is the same for all spellings: %s",
    (address) => {
      expect(suppressedAddress("email", address)).toEqual({
        kind: "address",
        address: addressKey(address),
      });
    },
  );

  it("on the channel sms is a number in E.164 form", () => {
    expect(suppressedAddress("sms", "+14155550123")).toMatchObject({ kind: "address" });
    for (const none of ["4155550123", "+0155", "+1 415 555 0123", "ada@example.org"])
      expect(suppressedAddress("sms", none)).toMatchObject({
        kind: "none",
        message: expect.stringContaining("E.164"),
      });
  });
});

describe("a suppression", () => {
  it("has the default reason `manual`, or `imported` in an import", () => {
    expect(newSuppression.parse({ channel: "email", address: "Ada@example.org" })).toEqual({
      channel: "email",
      address: "ada@example.org",
      reason: "manual",
      note: null,
    });
    expect(importedSuppression.parse({ address: "ada@example.org" })).toEqual({
      channel: "email",
      address: "ada@example.org",
      reason: "imported",
      note: null,
    });
  });
});
