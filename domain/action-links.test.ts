import { describe, expect, it } from "vitest";
import { createBrowserTokens } from "./browser-links.ts";
import { createActionLinks } from "./action-links.ts";
import { newUuid } from "./ids.ts";
import { createPreferenceTokens, isExpired, isTrusted } from "./preference-links.ts";
import { dayMs } from "./time/durations.ts";
import { createTokens } from "./tokens.ts";

const secret = "a-secret-of-at-least-32-characters";
const links = createActionLinks({ secrets: [secret], publicUrl: "https://example.org/notify" });
const now = new Date("2027-03-01T09:00:00Z");

const tokenOf = (url: string) => /^https:\/\/example\.org\/notify\/a\/([\w.-]+)$/.exec(url)![1]!;

describe("a link in a message", () => {
  it("names the action and the delivery or group that it acts on, and expires after thirty days", async () => {
    const [delivery, group] = [newUuid(now), newUuid(now)];
    const snooze = { action: "snooze", minutes: 60 } as const;
    const view = { action: "view", url: "https://tasks.example.org/17" } as const;
    const tokens = createTokens([secret]);
    const one = tokenOf(await links.forDelivery(delivery, snooze, { epoch: 3, now }));
    expect(await tokens.verifyActionToken(one, now)).toMatchObject({
      claims: { target: { delivery }, action: snooze, epoch: 3 },
    });
    const all = tokenOf(await links.forGroup(group, view, { epoch: 0, now }));
    expect(await tokens.verifyActionToken(all, now)).toMatchObject({
      claims: { target: { group }, action: view, epoch: 0 },
    });
    const end = new Date(now.getTime() + 30 * dayMs);
    expect(await tokens.verifyActionToken(one, end)).toEqual({ fault: "expired" });
  });

  it("to preferences allows to erase only if it is asked for, and works all the same", () => {
    const linkThat = (mayErase: boolean) => {
      const url = links.forPreferences(newUuid(now), { epoch: 1, now, mayErase });
      return createPreferenceTokens([secret]).verify(/\/p\/([\w-]+)$/.exec(url)![1]!)!;
    };
    expect(isTrusted(linkThat(true), now)).toBe(true);
    expect(isTrusted(linkThat(false), now)).toBe(false);
    expect(isExpired(linkThat(false), now)).toBe(false);
  });

  it("to an email in a browser names the delivery and the epoch", () => {
    const deliveryId = newUuid(now);
    const url = links.forBrowser(deliveryId, { epoch: 3 });
    const [, token] = /^https:\/\/example\.org\/notify\/m\/([\w-]+)$/.exec(url)!;
    expect(createBrowserTokens([secret]).verify(token!)).toEqual({ deliveryId, epoch: 3 });
  });

  it("for receipts names its target only, and is not a link that acts", async () => {
    const delivery = newUuid(now);
    const url = await links.forReceipt({ delivery }, { epoch: 1, now });
    const [, token] = /^https:\/\/example\.org\/notify\/r\/([\w.-]+)$/.exec(url)!;
    expect(await createTokens([secret]).verifyReceiptToken(token!, now)).toEqual({
      claims: { target: { delivery }, epoch: 1 },
    });
  });
});
