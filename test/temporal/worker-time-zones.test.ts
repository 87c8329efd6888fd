import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import PostalMime from "postal-mime";
import { SMTPServer } from "smtp-server";
import { expect, inject, it, onTestFinished, vi } from "vitest";
import { packageRoot } from "../../config/package-root.ts";
import { writeZoneFolder } from "../../lib/zone-folder.testing.ts";
import { wakeQueue } from "../../workflows/client.ts";
import { startApi } from "../api/harness.ts";
import { patience } from "../support/patience.ts";
import { createDevServer } from "../support/temporal.ts";

it("a worker runs in UTC and uses the machine's time zone data, on any host", async () => {
  const root = mkdtempSync(join(tmpdir(), "tidings-zones-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const zones = join(root, "zoneinfo");
  writeZoneFolder(zones, { version: "2099a", zones: { "America/Vancouver": "MST7" } });
  const [environment, api] = await Promise.all([
    createDevServer(),
    startApi({ config: { mailboxShards: 1 } }),
  ]);
  onTestFinished(async () => {
    await api.stop();
    await environment.teardown();
  });
  const mails: string[] = [];
  const mailServer = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    onData: (stream, _session, done) =>
      void text(stream).then((mail) => {
        mails.push(mail);
        done();
      }),
  });
  mailServer.listen(0, "127.0.0.1");
  await once(mailServer.server, "listening");
  onTestFinished(() => new Promise<void>((resolve) => mailServer.close(() => resolve())));
  const { port } = mailServer.server.address() as AddressInfo;

  const child = fork(join(packageRoot, "dist/workers/main.js"), {
    env: {
      PATH: process.env["PATH"],
      TZ: "Europe/Berlin",
      TZDIR: zones,
      DATABASE_URL: api.url,
      TEMPORAL_ADDRESS: inject("temporalAddress"),
      TEMPORAL_NAMESPACE: environment.client.options.namespace,
      TOKEN_SECRET: "a-secret-of-at-least-32-characters",
      SMTP_URL: `smtp://127.0.0.1:${port}`,
    },
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  });
  await once(child, "message");

  const template = {
    key: "zones",
    name: "Zones",
    content: {
      email: {
        subject: "S",
        html: "x",
        text: 'at {{ at | date: "%H:%M" }}, {{ day | date: "%d.%m.", "America/New_York" }}, {{ winter | date: "%H:%M", recipient.timeZone }}',
      },
    },
    variables: { type: "object", properties: {}, additionalProperties: true },
  };
  expect((await api.send("POST", "/v1/templates", template)).status).toBe(201);
  const recipient = { email: "ada@example.org", timeZone: "America/Vancouver" };
  await api.send("PUT", "/v1/recipients/ada", recipient);
  const { status } = await api.send("POST", "/v1/notifications", {
    recipients: ["ada"],
    template: { key: "zones" },
    data: { at: "2026-07-01 12:00", day: "2026-07-01", winter: "2026-11-15T12:00:00Z" },
  });
  expect(status).toBe(202);
  await wakeQueue(environment.client, "mailbox/0");
  await vi.waitFor(() => expect(mails).toHaveLength(1), patience);
  expect((await PostalMime.parse(mails[0]!)).text).toContain("at 12:00, 01.07., 05:00");
  await vi.waitFor(
    async () =>
      expect((await api.send("GET", "/v1/health")).body.timeZoneData).toMatchObject({
        workers: { version: "2099a", source: "system" },
      }),
    patience,
  );
});
