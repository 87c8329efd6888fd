import { describe, expect, it } from "vitest";
import { recipientProfile } from "../recipient.ts";
import { ianaNames } from "./iana-names.ts";
import { intlName } from "./node-clocks.ts";
import { isTimeZone, timeZoneFault } from "./zone-names.ts";

describe("a time zone", () => {
  it("may be every name and link of IANA's that Node.js knows, without regard to case", () => {
    const known = ianaNames.filter((name) => intlName(name) !== null);
    expect(known.length).toBeGreaterThan(590);
    for (const name of known)
      for (const given of [name, name.toLowerCase(), name.toUpperCase()])
        expect([given, timeZoneFault(given)]).toEqual([given, null]);
  });

  it.each([
    "US/Eastern",
    "Asia/Calcutta",
    "EST",
    "MST",
    "HST",
    "EST5EDT",
    "GMT",
    "Etc/GMT+5",
    "UTC",
    "CET",
    "GB",
    "Zulu",
    "us/pacific",
  ])("may be %s", (name) => {
    expect(recipientProfile.parse({ timeZone: name }).timeZone).toBe(name);
  });

  it.each([
    ["BST", "Europe/London"],
    ["bst", "Europe/London"],
    ["AST", "America/Halifax"],
    ["SST", "Pacific/Pago_Pago"],
    ["NST", "America/St_Johns"],
    ["CST", "America/Chicago"],
    ["ACT", "Australia/Darwin"],
    ["IST", "Asia/Kolkata"],
    ["VST", "Asia/Ho_Chi_Minh"],
    ["JST", "Asia/Tokyo"],
    ["PST", "America/Los_Angeles"],
    ["ECT", "America/Guayaquil"],
    ["SystemV/PST8PDT", "America/Los_Angeles"],
    ["US/Pacific-New", "America/Los_Angeles"],
    ["CEST", "Europe/Berlin"],
    ["London", "Europe/London"],
    ["new york", "America/New_York"],
    ["America/Berlin", "Europe/Berlin"],
    ["Europe/Berlin ", "Europe/Berlin"],
    ["Eastern", "US/Eastern"],
  ])("is not %s, which may have meant %s", (given, meant) => {
    expect(timeZoneFault(given)).toBe(`must be an IANA time zone: did you mean ${meant}?`);
    expect(isTimeZone(meant)).toBe(true);
    const { error } = recipientProfile.safeParse({ timeZone: given });
    expect(error!.issues).toMatchObject([{ path: ["timeZone"], message: timeZoneFault(given) }]);
  });

  it.each([
    "",
    "Mars/Olympus",
    "+01:00",
    "GMT+5",
    "Etc/Unknown",
    "__proto__",
    "toString",
    "constructor",
    "x".repeat(10_000),
  ])("is not %j", (given) => {
    expect(recipientProfile.safeParse({ timeZone: given }).success).toBe(false);
  });

  it("is no other short name that Intl accepts", () => {
    const letters = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
    const official = new Set(ianaNames.map((name) => name.toUpperCase()));
    const taken = letters.flatMap((a) =>
      letters.flatMap((b) =>
        letters.map((c) => a + b + c).filter((name) => isTimeZone(name) && !official.has(name)),
      ),
    );
    expect(taken).toEqual([]);
  });
});
