import { createServer, type Server } from "node:net";
import { afterEach, expect, it } from "vitest";
import { choosePorts, defaultPorts, freePort, PortInUseError } from "../../cli/stack/ports.ts";

let occupants: Server[] = [];
afterEach(() => {
  for (const server of occupants) server.close();
  occupants = [];
});

async function occupy(port: number): Promise<void> {
  const server = createServer();
  occupants.push(server);
  // Somebody else's is as good.
  await new Promise<void>((resolve) =>
    server.once("error", () => resolve()).listen(port, "127.0.0.1", resolve),
  );
}

it("goes to the next free port past a busy default", async () => {
  await occupy(defaultPorts.api);
  const { api } = await choosePorts({});
  expect(api).toBeGreaterThan(defaultPorts.api);
});

it("never gives one port to two servers, even if a configured port is another's default", async () => {
  const ports = await choosePorts({ smtp: await freePort(), api: await freePort() });
  expect(new Set(Object.values(ports)).size).toBe(Object.keys(defaultPorts).length);
  const any = await choosePorts("any");
  expect(new Set(Object.values(any)).size).toBe(Object.keys(defaultPorts).length);
});

it("refuses a busy configured port", async () => {
  const port = await freePort();
  await occupy(port);
  await expect(choosePorts({ mailbox: port })).rejects.toThrow(PortInUseError);
});
