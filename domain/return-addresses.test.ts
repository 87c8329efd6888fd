import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeBase32, encodeBase32 } from "./base32.ts";
import { newUuid } from "./ids.ts";
import { createReturnAddresses } from "./return-addresses.ts";

const secret = "a secret of at least thirty-two characters";
const addresses = createReturnAddresses([secret], "bounces.example.org");

describe("base32", () => {
  it("is that of RFC 4648", () => {
    expect(encodeBase32(Buffer.from("foobar"))).toBe("mzxw6ytboi");
    expect(decodeBase32("MZXW6YTB")?.toString()).toBe("fooba");
    expect(decodeBase32("mzxw6ytb1")).toBeNull();
  });

  it("keeps any bytes, and has one spelling apart from the case", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(decodeBase32(encodeBase32(bytes).toUpperCase())).toEqual(Buffer.from(bytes));
      }),
    );
    expect(decodeBase32("mzxw6ytbon")).toBeNull();
  });
});

describe("return addresses", () => {
  it("name a delivery or a group, in any case, within the lengths of SMTP", () => {
    for (const message of [{ delivery: newUuid() }, { group: newUuid() }])
      for (const kind of ["bounce", "unsubscribe"] as const) {
        const address = addresses.of(kind, message);
        expect(address).toMatch(/^[bu]\+[a-z2-7]{45}@bounces\.example\.org$/);
        expect(address.indexOf("@")).toBeLessThanOrEqual(64);
        expect(addresses.read(address.toUpperCase())).toEqual({ kind, message });
      }
  });

  it("are valid with an earlier secret, and for one purpose and one domain only", () => {
    const message = { delivery: newUuid() };
    const address = addresses.of("bounce", message);
    const rotated = createReturnAddresses([`another ${secret}`, secret], "bounces.example.org");
    expect(rotated.read(address)).toEqual({ kind: "bounce", message });
    for (const other of [
      address.replace(/^b/, "u"),
      address.replace("example.org", "example.com"),
      address.replace("@bounces", "@evil.bounces"),
      `x${address}`,
      address.replace("@", "a@"),
      "postmaster@bounces.example.org",
      "b+@bounces.example.org",
      "",
    ])
      expect(addresses.read(other)).toBeNull();
    expect(
      createReturnAddresses([`another ${secret}`], "bounces.example.org").read(address),
    ).toBeNull();
  });

  it("cannot be changed in any letter", () => {
    const address = addresses.of("bounce", { delivery: newUuid() });
    for (let place = 2; place < address.indexOf("@"); place += 1) {
      const letter = address[place] === "a" ? "b" : "a";
      expect(
        addresses.read(address.slice(0, place) + letter + address.slice(place + 1)),
      ).toBeNull();
    }
  });
});
