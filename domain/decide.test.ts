import { describe, expect, it } from "vitest";
import { decide } from "./decide.ts";

describe("decide", () => {
  it.each([
    [
      "sends to who has an address",
      { erased: false, email: "a@example.org" },
      false,
      { kind: "send" },
    ],
    [
      "suppresses without an address",
      { erased: false, email: null },
      false,
      { kind: "suppress", reason: "no_address" },
    ],
    [
      "suppresses the erased, whatever is left of them",
      { erased: true, email: "a@example.org" },
      true,
      { kind: "suppress", reason: "recipient_erased" },
    ],
    [
      "suppresses an address that must not be sent to",
      { erased: false, email: "a@example.org" },
      true,
      { kind: "suppress", reason: "address_suppressed" },
    ],
  ] as const)("%s", (_, recipient, suppressed, decision) => {
    expect(decide({ recipient, suppressed })).toEqual(decision);
  });
});
