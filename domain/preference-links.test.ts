import { describe, expect, it } from "vitest";
import { newUuid } from "./ids.ts";
import { createPreferenceTokens, isExpired, isTrusted } from "./preference-links.ts";
import { createUnsubscribeTokens } from "./unsubscribing.ts";

const secrets = ["a-secret-of-at-least-32-characters", "another-secret-of-32-characters-ok"];
const link = { recipientId: newUuid(), epoch: 7, madeAt: new Date("2027-03-01T09:00:00Z") };
const after = (hours: number) => new Date(link.madeAt.getTime() + hours * 3_600_000);

describe("a token of the preference centre", () => {
  it("gives back the recipient, the epoch and the instant, in 47 characters", () => {
    const token = createPreferenceTokens(secrets).sign(link);
    expect(token).toHaveLength(47);
    expect(createPreferenceTokens(secrets.toReversed()).verify(token)).toEqual(link);
  });

  it("is not one if another secret or another purpose signed it, or a character was changed", () => {
    const tokens = createPreferenceTokens(secrets);
    const token = tokens.sign(link);
    expect(createPreferenceTokens([secrets[1]!]).verify(token)).toBeNull();
    const ofUnsubscribing = createUnsubscribeTokens(secrets).sign({
      recipientId: link.recipientId,
      typeId: null,
      topicId: null,
      message: { delivery: newUuid() },
    });
    expect(tokens.verify(ofUnsubscribing)).toBeNull();
    expect(createUnsubscribeTokens(secrets).verify(token)).toBeNull();
    for (let at = 0; at < token.length; at += 1)
      expect(
        tokens.verify(
          `${token.slice(0, at)}${token[at] === "A" ? "B" : "A"}${token.slice(at + 1)}`,
        ),
      ).toBeNull();
  });

  it("works for 90 days, and is trusted with everything for one", () => {
    expect([isTrusted(link, after(23)), isTrusted(link, after(24))]).toEqual([true, false]);
    expect([isExpired(link, after(90 * 24 - 1)), isExpired(link, after(90 * 24))]).toEqual([
      false,
      true,
    ]);
  });
});
