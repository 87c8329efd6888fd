import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { BlockList, isIPv4 } from "node:net";
import { describe, expect, it } from "vitest";
import { judgeAddress, parseSubnet, type Subnet } from "./addresses.ts";

const subnet = (text: string) => parseSubnet(text) as Subnet;

describe("a public address", () => {
  it.each([
    "8.8.8.8",
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450:4001:82a::200e",
    "2001:200::1",
  ])("%s is recognised", (address) => {
    expect(judgeAddress(address, [])).toBe("public");
  });

  const addresses = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.integer({ min: 0, max: 0xffff }).map((group) => `2001:${group.toString(16)}::1`),
    fc
      .tuple(fc.constantFrom(0, 10, 100, 127, 169, 172, 192, 198, 203, 224, 255), fc.ipV4())
      .map(([first, rest]) => rest.replace(/^\d+/, String(first))),
  );

  it("is never one that ipaddr.js knows to be for special purposes", () => {
    fc.assert(
      fc.property(addresses, (address) => {
        if (judgeAddress(address, []) === "public")
          expect(ipaddr.parse(address).range()).toBe("unicast");
      }),
      { numRuns: 2_000 },
    );
  });

  it("is in an allowed range exactly if Node.js's own list says so", () => {
    const ranges = [subnet("10.32.0.0/11"), subnet("192.168.7.0/25"), subnet("fd00:1234::/29")];
    const list = new BlockList();
    list.addSubnet("10.32.0.0", 11, "ipv4");
    list.addSubnet("192.168.7.0", 25, "ipv4");
    list.addSubnet("fd00:1234::", 29, "ipv6");
    const near = fc.oneof(
      addresses,
      fc.ipV4().map((address) => address.replace(/^\d+/, "10")),
      fc.ipV4().map((address) => address.replace(/^\d+\.\d+\.\d+/, "192.168.7")),
      fc
        .tuple(fc.integer({ min: 0x1230, max: 0x123f }), fc.integer({ min: 1, max: 0xffff }))
        .map(([group, last]) => `fd00:${group.toString(16)}::${last.toString(16)}`),
    );
    fc.assert(
      fc.property(near, (address) => {
        const verdict = judgeAddress(address, ranges);
        if (verdict === "public" || verdict === "metadata") return;
        const listed = list.check(address, isIPv4(address) ? "ipv4" : "ipv6");
        const isMapped = address.includes(":") && ipaddr.parse(address).range() === "ipv4Mapped";
        expect(verdict).toBe(listed && !isMapped ? "allowed" : "special");
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("an allowed range", () => {
  it("is of one family: 10.0.0.0/8 does not allow its IPv4-mapped addresses", () => {
    const allowed = [subnet("10.0.0.0/8")];
    expect(judgeAddress("10.1.2.3", allowed)).toBe("allowed");
    expect(judgeAddress("::ffff:10.1.2.3", allowed)).toBe("special");
  });

  it("may be the loopback of IPv6, which contains no IPv4 address", () => {
    expect(judgeAddress("::1", [subnet("::1")])).toBe("allowed");
    expect(judgeAddress("::7f00:1", [subnet("::/96")])).toBe("special");
  });

  it("of NAT64 lets public IPv4 addresses through, and private ones only if they are allowed too", () => {
    const nat64 = [subnet("64:ff9b::/96")];
    expect(judgeAddress("64:ff9b::8.8.8.8", nat64)).toBe("allowed");
    expect(judgeAddress("64:ff9b::10.0.0.1", nat64)).toBe("special");
    expect(judgeAddress("64:ff9b::10.0.0.1", [...nat64, subnet("10.0.0.0/8")])).toBe("allowed");
    expect(judgeAddress("64:ff9b::169.254.169.254", nat64)).toBe("metadata");
  });
});

describe("an address that serves the metadata of a cloud machine", () => {
  it.each([
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "192.0.0.192",
    "168.63.129.16",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fe80::a9fe:a9fe",
    "::ffff:169.254.169.254",
    "2002:a9fe:a9fe::1",
  ])("%s is refused, whatever ranges are allowed", (address) => {
    expect(judgeAddress(address, [subnet("0.0.0.0/0"), subnet("::/0")])).toBe("metadata");
  });
});

describe("a subnet", () => {
  it.each(["10.0.0.0/8", "127.0.0.1", "0.0.0.0/0", "::/0", "fd00::/8", "::1", "::1/128"])(
    "may be written as %s",
    (text) => expect(parseSubnet(text)).not.toBeNull(),
  );
  it.each([
    "",
    "10.0.0.0/33",
    "::/129",
    "10.0.0.0/",
    "10.0.0.0/-1",
    "10.0.0.0/8/8",
    "10/8",
    "0x0a.0.0.0/8",
    "fe80::1%lo/10",
    "localhost",
    "10.0.0.0/1e1",
  ])("may not be written as %j", (text) => expect(parseSubnet(text)).toBeNull());
});
