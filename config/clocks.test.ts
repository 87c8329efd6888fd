import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { agedClocks } from "../domain/time/clock-age.ts";
import { clocksInUse, instantOf, localTimeAt, useClocks } from "../domain/time/local-time.ts";
import { nodeClocks } from "../domain/time/node-clocks.ts";
import { isTimeZone } from "../domain/time/zone-names.ts";
import { encodeTzif } from "../lib/tzif.testing.ts";
import { writeZoneFolder } from "../lib/zone-folder.testing.ts";
import { chooseClocks, followClocks } from "./clocks.ts";
import { readSystemClocks, zoneFolders } from "./system-clocks.ts";

let root: string;
let folder: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "tidings-zones-"));
  folder = join(root, "zoneinfo");
});
afterEach(() => {
  useClocks(nodeClocks);
  rmSync(root, { recursive: true });
});

const november = Date.UTC(2026, 10, 15);
const minuteIn = (zone: string) => localTimeAt(zone, november).minute;
const zones = { "America/Vancouver": "MST7", "Africa/Casablanca": "<+00>0", "Etc/UTC": "UTC0" };
const silent = { info: () => {}, warn: () => {} };

describe("the chosen data", () => {
  it("is the system's where its release is newer", () => {
    writeZoneFolder(folder, { version: "2099a", zones });
    const { clocks, instead } = chooseClocks([join(root, "absent"), folder]);
    expect([clocks.version, clocks.source, instead]).toEqual(["2099a", "system", null]);
    useClocks(clocks);
    expect(minuteIn("America/Vancouver")).toBe(17 * 60);
  });

  it.each(["1999a", nodeClocks.version])("is Node.js's where the system has %s", (version) => {
    writeZoneFolder(folder, { version, zones });
    const { clocks, instead } = chooseClocks([folder]);
    expect(clocks).toBe(nodeClocks);
    expect(instead).toBe(`${folder} has ${version}, which is not newer`);
  });

  it("is Node.js's where the system's release is unknown, with a reason", () => {
    mkdirSync(folder);
    writeFileSync(join(folder, "UTC"), encodeTzif({ rule: "UTC0" }));
    const { clocks, instead } = chooseClocks([folder]);
    expect(clocks).toBe(nodeClocks);
    expect(instead).toContain("does not name its release");
    expect(chooseClocks([join(root, "absent")]).instead).toContain("none of these folders exists");
  });

  it("is searched only in the configured folder, if there is one", () => {
    expect(zoneFolders("/opt/tz")).toEqual(["/opt/tz"]);
    expect(zoneFolders(undefined)).toContain("/usr/share/zoneinfo");
  });
});

describe("the system's data", () => {
  const read = () => {
    const clocks = readSystemClocks([folder]);
    if (typeof clocks === "string") throw new Error(clocks);
    return clocks;
  };

  it("contains links, even those without a file, and finds names in upper and lower case", () => {
    writeZoneFolder(folder, {
      version: "2099a",
      zones,
      links: { "Canada/Pacific": "America/Vancouver" },
    });
    const clocks = read();
    expect(
      [
        "canada/pacific",
        "AFRICA/CASABLANCA",
        "Etc/UTC",
        "Mars/Olympus",
        "../Etc/UTC",
        "tzdata.zi",
      ].map(clocks.nameOf),
    ).toEqual(["Canada/Pacific", "Africa/Casablanca", "Etc/UTC", null, null, null]);
    expect(clocks.spansBetween("Canada/Pacific", november, november + 1)).toEqual([
      { offset: -7 * 3_600_000, end: november + 1 },
    ]);
  });

  it("may name its release in +VERSION: its names are then its files, without those that count leap seconds", () => {
    mkdirSync(join(folder, "America/Argentina"), { recursive: true });
    mkdirSync(join(folder, "right/America"), { recursive: true });
    writeFileSync(join(folder, "+VERSION"), "2099b\n");
    for (const name of [
      "EST",
      "America/Vancouver",
      "America/Argentina/Ushuaia",
      "right/America/Vancouver",
    ])
      writeFileSync(join(folder, name), encodeTzif({ rule: "EST5" }));
    writeFileSync(join(folder, "America/Broken"), "no TZif file");
    const clocks = read();
    expect(clocks.version).toBe("2099b");
    expect(
      [
        "est",
        "America/Vancouver",
        "America/Argentina/Ushuaia",
        "right/America/Vancouver",
        "America/Broken",
      ].map(clocks.nameOf),
    ).toEqual(["EST", "America/Vancouver", "America/Argentina/Ushuaia", null, null]);
  });

  it("adds names that Node.js does not know, and leaves unknown names to Node.js", () => {
    writeZoneFolder(folder, { version: "2099a", zones: { ...zones, "America/Tidings": "XXX5" } });
    expect(isTimeZone("America/Tidings")).toBe(false);
    useClocks(read());
    expect([isTimeZone("america/tidings"), minuteIn("America/Tidings")]).toEqual([true, 19 * 60]);
    expect([isTimeZone("Asia/Kolkata"), minuteIn("Asia/Kolkata")]).toEqual([true, 330]);
    // `Intl` resolves this older name to a zone that the system's data has.
    expect(minuteIn("PST8PDT")).toBe(16 * 60);
  });

  it("is as old as the files that name its release, or at least as the year of its release", () => {
    const day = 86_400_000;
    const agedAt = (seconds: number, now: number) => {
      writeZoneFolder(folder, { version: "2026f", zones });
      utimesSync(join(folder, "tzdata.zi"), seconds, seconds);
      return agedClocks(now, read()).ageDays;
    };
    const packed = Date.UTC(2026, 9, 29);
    expect(agedAt(packed / 1_000, packed + 400 * day)).toBe(400);
    expect(agedAt(0, Date.UTC(2027, 0, 11))).toBe(10);
    expect(agedAt(Date.UTC(2028, 0, 1) / 1_000, Date.UTC(2027, 0, 11))).toBe(10);
  });
});

describe("a process that follows the data", () => {
  it("uses the data at once, and changed data when it is the same in two checks", () => {
    writeZoneFolder(folder, { version: "2099a", zones });
    const check = followClocks([folder], silent);
    expect([clocksInUse().version, minuteIn("America/Vancouver")]).toEqual(["2099a", 17 * 60]);
    expect([check(), check()]).toEqual([false, false]);
    writeZoneFolder(folder, { version: "2099b", zones: { ...zones, "America/Vancouver": "PST8" } });
    expect([check(), clocksInUse().version]).toEqual([false, "2099a"]);
    expect([check(), clocksInUse().version]).toEqual([true, "2099b"]);
    expect(minuteIn("America/Vancouver")).toBe(16 * 60);
    expect(new Date(instantOf("America/Vancouver", november / 86_400_000, 420)).toISOString()).toBe(
      "2026-11-15T15:00:00.000Z",
    );
    expect([check(), check()]).toEqual([false, false]);
  });

  it("uses the data in Node.js when the folder is removed, and the system's when it appears", () => {
    const check = followClocks([folder], silent);
    expect(clocksInUse()).toBe(nodeClocks);
    writeZoneFolder(folder, { version: "2099a", zones });
    expect([check(), check(), clocksInUse().version]).toEqual([false, true, "2099a"]);
    rmSync(folder, { recursive: true });
    expect([check(), check(), clocksInUse().version]).toEqual([false, true, nodeClocks.version]);
  });
});

// The machine's own data, where it has any: every name is compared with the data in Node.js.
const system = readSystemClocks(zoneFolders(undefined));

describe.skipIf(typeof system === "string")("the data of this machine", () => {
  it("agrees with Intl on every zone, in years that later releases do not change", () => {
    if (typeof system === "string") return;
    const [from, to] = [Date.UTC(2010, 0, 1), Date.UTC(2022, 0, 1)];
    const different = Intl.supportedValuesOf("timeZone").filter((zone) => {
      const name = system.nameOf(zone);
      if (name === null) return true;
      return (
        JSON.stringify(system.spansBetween(name, from, to)) !==
        JSON.stringify(nodeClocks.spansBetween(zone, from, to))
      );
    });
    expect(different).toEqual([]);
  });
});
