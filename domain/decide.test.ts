import { describe, expect, it } from "vitest";
import { decide } from "./decide.ts";

describe("decide", () => {
  it.each([
    ["sends to who has an address", { erased: false, email: "a@example.org" }, { kind: "send" }],
    [
      "suppresses without an address",
      { erased: false, email: null },
      { kind: "suppress", reason: "no_address" },
    ],
    [
      "suppresses the erased, whatever is left of them",
      { erased: true, email: "a@example.org" },
      { kind: "suppress", reason: "recipient_erased" },
    ],
  ] as const)("%s", (_, recipient, decision) => {
    expect(decide({ recipient })).toEqual(decision);
  });
});
