import { describe, expect, it } from "vitest";
import { newUuid } from "../ids.ts";
import { createTrackingTokens, messagePurposes } from "./tokens.ts";

const secret = "a-secret-of-at-least-32-characters";
const tokens = createTrackingTokens([secret]);

describe("tokens of messages", () => {
  it("are short, and worth nothing for another purpose", () => {
    const message = { delivery: newUuid() };
    for (const purpose of messagePurposes) {
      const token = tokens.signMessage(purpose, message);
      expect(token).toHaveLength(38);
      expect(
        messagePurposes.filter((other) => tokens.verifyMessage(other, token) !== null),
      ).toEqual([purpose]);
      expect(tokens.verifyMessage(purpose, token)).toEqual(message);
      expect(tokens.verifyLink(token)).toBeNull();
    }
  });

  it("name a group as such, and keep working with a retired secret", () => {
    const message = { group: newUuid() };
    const token = tokens.signMessage("open", message);
    const rotated = createTrackingTokens(["another-secret-of-at-least-32-characters", secret]);
    expect(rotated.verifyMessage("open", token)).toEqual(message);
  });
});

describe("signed links", () => {
  it.each([
    { number: 2_147_483_647, switchId: newUuid(), url: "https://shop.example.org/?q=a%20b#c" },
    { number: 1, switchId: null, url: "http://example.org/" },
    { number: 0, switchId: newUuid(), url: "" },
  ])("contain their target", (link) => {
    expect(tokens.verifyLink(tokens.signLink(link))).toEqual(link);
  });

  it("are refused if a single bit was changed", () => {
    const bytes = Buffer.from(
      tokens.signLink({ number: 1, switchId: null, url: "https://example.org/" }),
      "base64url",
    );
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(tokens.verifyLink(changed.toString("base64url"))).toBeNull();
    }
  });
});
