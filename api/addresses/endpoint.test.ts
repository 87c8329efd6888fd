import { describe, expect, it } from "vitest";
import { parseSubnet, type Subnet } from "../../lib/outbound/addresses.ts";
import { examineEndpoint } from "./endpoint.ts";

const none = { pushServices: [], privateSubnets: [], ports: [] };
const loopback: Subnet[] = [parseSubnet("127.0.0.0/8")!, parseSubnet("::1")!];

const isAccepted = (endpoint: string, rules: Parameters<typeof examineEndpoint>[1] = none) =>
  "host" in examineEndpoint(endpoint, rules);

describe("an endpoint", () => {
  it("is accepted at the push services of the known browsers", () => {
    for (const endpoint of [
      "https://fcm.googleapis.com/fcm/send/a:b",
      "https://updates.push.services.mozilla.com/wpush/v2/a",
      "https://web.push.apple.com/a",
      "https://wns2-par02p.notify.windows.com/w/?token=a",
    ])
      expect([endpoint, examineEndpoint(endpoint, none)]).toEqual([
        endpoint,
        { host: new URL(endpoint).hostname },
      ]);
  });

  it("is refused anywhere else, however much it looks like one of them", () => {
    for (const endpoint of [
      "https://example.org/a",
      "https://fcm.googleapis.com.example.org/a",
      "https://notfcm.googleapis.com/a",
      "https://fcm.googleapis.com./a",
      // A Cyrillic letter.
      new URL("https://fcm.googleapis.com/a".replace("a", "\u0430")).href,
      "https://push.apple.com/a",
      "https://evilpush.apple.com/a",
      "https://notify.windows.com.example.org/a",
      "https://example.org/https://fcm.googleapis.com/a",
      "https://localhost/a",
      "https://127.0.0.1/a",
      "https://10.0.0.1/a",
      "https://169.254.169.254/latest",
      "https://[::1]/a",
      "https://[::ffff:127.0.0.1]/a",
      "https://8.8.8.8/a",
    ])
      expect([endpoint, isAccepted(endpoint)]).toEqual([endpoint, false]);
  });

  it("is refused with another scheme or port, or with a user", () => {
    for (const endpoint of [
      "http://fcm.googleapis.com/a",
      "ftp://fcm.googleapis.com/a",
      "wss://fcm.googleapis.com/a",
      "file:///etc/passwd",
      "data:text/plain,a",
      "javascript:alert(1)",
      "https://fcm.googleapis.com:8443/a",
      "https://fcm.googleapis.com:80/a",
      "https://user@fcm.googleapis.com/a",
      "https://user:password@fcm.googleapis.com/a",
      "https://:password@fcm.googleapis.com/a",
    ])
      expect([endpoint, isAccepted(endpoint)]).toEqual([endpoint, false]);
  });

  it("is accepted at hosts that the operator adds, by https on port 443 only", () => {
    const rules = { ...none, pushServices: ["push.example.org", "*.relay.example"] };
    for (const [endpoint, accepted] of [
      ["https://push.example.org/a", true],
      ["https://a.push.example.org/a", false],
      ["https://a.relay.example/a", true],
      ["https://a.b.relay.example/a", true],
      ["https://relay.example/a", false],
      ["https://xrelay.example/a", false],
      ["http://push.example.org/a", false],
      ["https://push.example.org:8443/a", false],
    ] as const)
      expect([endpoint, isAccepted(endpoint, rules)]).toEqual([endpoint, accepted]);
  });

  it("is accepted at a private address only if the operator allows its range, and the port", () => {
    const rules = { ...none, privateSubnets: loopback, ports: [9_999] };
    for (const [endpoint, accepted] of [
      ["http://127.0.0.1:9999/a", true],
      ["http://localhost:9999/a", true],
      ["https://[::1]/a", true],
      ["http://127.0.0.1:9998/a", false],
      ["http://10.0.0.1:9999/a", false],
      ["ftp://127.0.0.1:9999/a", false],
      ["http://user@127.0.0.1:9999/a", false],
      // Public addresses are those of no known service, and metadata is never allowed.
      ["https://8.8.8.8/a", false],
      ["http://169.254.169.254/a", false],
    ] as const)
      expect([endpoint, isAccepted(endpoint, rules)]).toEqual([endpoint, accepted]);
    const all = { ...rules, privateSubnets: [parseSubnet("0.0.0.0/0")!] };
    expect(isAccepted("http://169.254.169.254/a", all)).toBe(false);
    expect(isAccepted("https://8.8.8.8/a", all)).toBe(false);
  });
});
