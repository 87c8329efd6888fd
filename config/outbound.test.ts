import { describe, expect, it } from "vitest";
import { readEnvironment } from "./environment.ts";
import { loopbackSettings, outboundVariables, receiverFaults } from "./outbound.ts";

const resolve = async (host: string) => {
  const addresses: Record<string, string[]> = {
    "public.example.test": ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"],
    "private.example.test": ["10.1.2.3", "fd00::7"],
    "metadata.example.test": ["169.254.169.254"],
  };
  const found = addresses[host];
  if (!found) throw new Error("no such host");
  return found;
};
const faultsOf = (url: string, environment: NodeJS.ProcessEnv = {}) =>
  receiverFaults(url, readEnvironment(outboundVariables, environment), resolve);

describe("the faults of EVENTS_URL", () => {
  it("are none where its addresses are public and the connection is encrypted", async () => {
    expect(await faultsOf("https://public.example.test/hook")).toEqual([]);
  });

  it("are all found at once, each with the setting that corrects it", async () => {
    const url = "http://private.example.test:8080/hook";
    const faults = await faultsOf(url);
    expect(faults.map(({ remedy }) => remedy)).toEqual([
      "Add 8080 to HTTP_ALLOW_PORTS",
      "Add 10.1.2.3, or the range that it is in, to HTTP_ALLOW_PRIVATE",
      "Add fd00::7, or the range that it is in, to HTTP_ALLOW_PRIVATE",
    ]);
    const corrected = { HTTP_ALLOW_PORTS: "8080", HTTP_ALLOW_PRIVATE: "10.0.0.0/8 fd00::7" };
    expect(await faultsOf(url, corrected)).toEqual([]);
  });

  it("include plain http to a public address", async () => {
    const url = "http://public.example.test/hook";
    expect(await faultsOf(url)).toEqual([
      {
        found: "EVENTS_URL is http, and its host has a public address",
        remedy: "Use https, or set HTTP_ALLOW_PLAIN=true",
      },
    ]);
    expect(await faultsOf(url, { HTTP_ALLOW_PLAIN: "true" })).toEqual([]);
  });

  it.each([
    ["https://metadata.example.test/", "Correct EVENTS_URL: no setting allows this address"],
    ["https://unknown.example.test/", "Correct EVENTS_URL, or the name server"],
    ["https://user@public.example.test/", "Correct EVENTS_URL"],
  ])("that no setting corrects end the search: %s", async (url, remedy) => {
    const faults = await faultsOf(url, { HTTP_ALLOW_PRIVATE: "0.0.0.0/0 ::/0" });
    expect(faults.map((fault) => fault.remedy)).toEqual([remedy]);
  });
});

describe("what npm start allows", () => {
  it.each([
    ["http://127.0.0.1:9000/hook", { HTTP_ALLOW_PORTS: "9000" }],
    ["http://localhost:9000/hook", { HTTP_ALLOW_PORTS: "9000" }],
    ["http://[::1]/hook", {}],
  ])("is the loopback for a receiver on this machine: %s", async (url, ports) => {
    const added = loopbackSettings({ EVENTS_URL: url, EVENTS_SECRET: "s".repeat(24) });
    expect(added).toEqual({ HTTP_ALLOW_PRIVATE: "127.0.0.0/8 ::1/128", ...ports });
    const settings = readEnvironment(outboundVariables, added);
    const address = async () => ["127.0.0.1", "::1"];
    expect(await receiverFaults(url, settings, address)).toEqual([]);
  });

  it.each([
    {},
    { EVENTS_URL: "https://public.example.test/" },
    { EVENTS_URL: "http://10.0.0.1:9000/" },
    { EVENTS_URL: "http://127.0.0.1.example.test:9000/" },
    { EVENTS_URL: "http://127.0.0.1:9000/", HTTP_ALLOW_PRIVATE: "10.0.0.0/8" },
  ])("is nothing otherwise: %j", (environment) => {
    expect(loopbackSettings({ ...environment, EVENTS_SECRET: "s".repeat(24) })).toEqual({});
  });
});
