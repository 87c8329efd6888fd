import { createECDH } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  hashEndpoint,
  pushSubscription,
  readSubscription,
  writeSubscription,
} from "./push-subscription.ts";

const endpoint = "https://fcm.googleapis.com/fcm/send/abc:APA91b";
const point = createECDH("prime256v1").generateKeys();
const p256dh = point.toString("base64url");
const auth = Buffer.alloc(16, 7).toString("base64url");
const given = { endpoint, keys: { p256dh, auth } };

const faultsOf = (subscription: unknown) =>
  pushSubscription.safeParse(subscription).error?.issues.map(({ path }) => path.join(".")) ?? [];

describe("a subscription", () => {
  it("is accepted as browsers make it, with or without the padding of its keys", () => {
    for (const expirationTime of [undefined, null, 1_900_000_000_000])
      expect(
        faultsOf({ ...given, ...(expirationTime !== undefined && { expirationTime }) }),
      ).toEqual([]);
    const padded = { p256dh: `${p256dh}=`, auth: `${auth}==` };
    expect(pushSubscription.parse({ ...given, keys: padded }).keys).toEqual(given.keys);
  });

  it("is refused with an end that no database can store", () => {
    for (const expirationTime of [-1, Date.UTC(2100) + 1, 8.64e15])
      expect(faultsOf({ ...given, expirationTime })).toEqual(["expirationTime"]);
  });

  it("is refused with a public key that is no uncompressed point on the curve", () => {
    const flipped = Buffer.from(point);
    flipped[64]! ^= 1;
    const compressed = Buffer.from([2 + (point[64]! & 1), ...point.subarray(1, 33)]);
    const hybrid = Buffer.from(point);
    hybrid[0] = 6 + (point[64]! & 1);
    const zero = Buffer.alloc(65);
    zero[0] = 4;
    for (const [what, bytes] of Object.entries({
      flipped,
      compressed,
      hybrid,
      zero,
      infinity: Buffer.from([0]),
      short: point.subarray(0, 64),
      long: Buffer.concat([point, Buffer.from([0])]),
      empty: Buffer.alloc(0),
    }))
      expect([
        what,
        faultsOf({ ...given, keys: { p256dh: bytes.toString("base64url"), auth } }),
      ]).toEqual([what, ["keys.p256dh"]]);
    for (const text of [`${p256dh.slice(0, 43)}+${p256dh.slice(44)}`, `${p256dh} `, "*".repeat(87)])
      expect([text, faultsOf({ ...given, keys: { p256dh: text, auth } })]).toEqual([
        text,
        ["keys.p256dh"],
      ]);
  });

  it("is refused with a secret that has not 16 bytes", () => {
    for (const length of [0, 15, 17, 32])
      expect(
        faultsOf({
          ...given,
          keys: { p256dh, auth: Buffer.alloc(length).toString("base64url") },
        }),
      ).toEqual(["keys.auth"]);
  });

  it("is refused with an endpoint that no browser would write so", () => {
    for (const text of [
      "",
      "fcm.googleapis.com/fcm/send/abc",
      "HTTPS://fcm.googleapis.com/a",
      "https://FCM.googleapis.com/a",
      "https://fcm.googleapis.com",
      "https://fcm.googleapis.com:443/a",
      "https://fcm.googleapis.com/a b",
      "https://fcm.googleapis.com/a\n",
      "https://fcm.googleapis.com\\a",
      "https://fcm.googleapis.com/a/../b",
      "https://fcm.googleapis.com/a#b",
      `https://fcm.googleapis.com/${"a".repeat(2_000)}`,
    ])
      expect([text, faultsOf({ ...given, endpoint: text })]).toEqual([text, ["endpoint"]]);
  });

  it("is written and read back without what is stored beside it", () => {
    const written = writeSubscription({ ...given, expirationTime: 1 });
    expect(readSubscription(written)).toEqual(given);
    expect(() => readSubscription(new TextEncoder().encode("{}"))).toThrow("endpoint");
  });

  it("is found by a hash of its endpoint, which says nothing of it", () => {
    expect(Buffer.from(hashEndpoint(endpoint)).toString("hex")).toMatch(/^[0-9a-f]{64}$/);
    expect(hashEndpoint(endpoint)).toEqual(hashEndpoint(endpoint));
    expect(hashEndpoint(endpoint)).not.toEqual(hashEndpoint(`${endpoint}x`));
  });
});
