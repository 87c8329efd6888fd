import { describe, expect, it } from "vitest";
import webPush from "web-push";
import { ConfigurationError, readEnvironment } from "./environment.ts";
import { createVapidKey, publicKeyOf, readVapid } from "./vapid.ts";

const names = ["VAPID_PUBLIC_KEY", "VAPID_PRIVATE_KEY", "VAPID_SUBJECT"] as const;
const pair = webPush.generateVAPIDKeys();
const older = webPush.generateVAPIDKeys();
const subject = "mailto:ops@example.org";

type Source = Partial<Record<(typeof names)[number], string>>;

/** The settings, or their faults. */
function read(source: Source) {
  try {
    return readVapid(readEnvironment(names, source));
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.faults;
  }
}

describe("the settings of web push", () => {
  it("are none where nothing is set", () => {
    expect(read({})).toBeNull();
  });

  it("have the public key of each private key, the current one first", () => {
    const { publicKey: VAPID_PUBLIC_KEY } = pair;
    const VAPID_PRIVATE_KEY = `${pair.privateKey}\n${older.privateKey}\n`;
    expect(read({ VAPID_PUBLIC_KEY, VAPID_PRIVATE_KEY, VAPID_SUBJECT: subject })).toEqual({
      keys: [pair, older],
      subject,
    });
  });

  it.each<[Source, string]>([
    [{ VAPID_PUBLIC_KEY: pair.publicKey }, "VAPID_PRIVATE_KEY is not set"],
    [{ VAPID_PRIVATE_KEY: pair.privateKey }, "VAPID_SUBJECT is not set"],
    [
      {
        VAPID_PUBLIC_KEY: older.publicKey,
        VAPID_PRIVATE_KEY: pair.privateKey,
        VAPID_SUBJECT: subject,
      },
      "VAPID_PUBLIC_KEY is not the public key of the first VAPID_PRIVATE_KEY",
    ],
    [{ VAPID_PRIVATE_KEY: "A".repeat(43), VAPID_SUBJECT: subject }, "must have 32 bytes"],
    [{ VAPID_PRIVATE_KEY: pair.publicKey, VAPID_SUBJECT: subject }, "must have 32 bytes"],
    [{ VAPID_PUBLIC_KEY: pair.privateKey }, "must be 65 bytes"],
    [{ VAPID_SUBJECT: "ops@example.org" }, "must be mailto:"],
    [{ VAPID_SUBJECT: "http://example.org" }, "must be mailto:"],
    [{ VAPID_SUBJECT: "mailto:" }, "must be mailto:"],
    ...["mailto:ops@localhost", "https://localhost", "https://localhost:8443/x"].map(
      (VAPID_SUBJECT): [Source, string] => [{ VAPID_SUBJECT }, "must not be at localhost"],
    ),
  ])("%j are refused: %s", (source, fault) => {
    expect(read(source)).toEqual([expect.stringContaining(fault)]);
  });

  it("are not refused for a name that only begins like it", () => {
    const VAPID_PRIVATE_KEY = pair.privateKey;
    for (const VAPID_SUBJECT of [
      "mailto:ops@localhost.example.org",
      "https://example.org/localhosts",
    ])
      expect(read({ VAPID_PRIVATE_KEY, VAPID_SUBJECT })).toMatchObject({ subject: VAPID_SUBJECT });
  });
});

it("a new key is one that can be used", () => {
  const privateKey = createVapidKey();
  const publicKey = publicKeyOf(privateKey);
  expect(privateKey).toHaveLength(43);
  expect(
    read({ VAPID_PUBLIC_KEY: publicKey, VAPID_PRIVATE_KEY: privateKey, VAPID_SUBJECT: subject }),
  ).toEqual({
    keys: [{ privateKey, publicKey }],
    subject,
  });
});
