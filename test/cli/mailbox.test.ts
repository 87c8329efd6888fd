import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTransport, type Transporter } from "nodemailer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startNodeProcess } from "../../cli/stack/node-process.ts";
import { freePort } from "../../cli/stack/ports.ts";
import type { Running } from "../../cli/stack/supervised.ts";
import type { MailboxLogLine } from "../../cli/stack/mailbox.ts";
import { waitMs } from "../support/patience.ts";

describe("the mailbox", () => {
  let folder: string;
  let mailbox: Running;
  let transport: Transporter;
  let page: string;

  const logged = () =>
    readFileSync(join(folder, "mailbox.jsonl"), "utf8")
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as MailboxLogLine);

  const send = (number: number, subject = `Number ${number}`) =>
    transport.sendMail({
      from: "tidings@example.org",
      to: "ada@example.org",
      subject,
      messageId: `<m${number}@example.org>`,
      headers: { "X-Tidings-Delivery": `dlv_${number}` },
      text: "Dear Ada",
    });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "tidings-mailbox-"));
    const [smtpPort, httpPort] = [await freePort(), await freePort()];
    const log = openSync(join(folder, "log"), "a");
    mailbox = await startNodeProcess({
      program: "cli/stack/mailbox.js",
      args: [
        `--smtp-port=${smtpPort}`,
        `--http-port=${httpPort}`,
        `--log=${join(folder, "mailbox.jsonl")}`,
        "--keep=3",
      ],
      environment: {},
      terms: { log, born: () => {} },
      readyTimeoutMs: waitMs,
      graceMs: 5_000,
    });
    closeSync(log);
    page = `http://127.0.0.1:${httpPort}`;
    transport = createTransport({ host: "127.0.0.1", port: smtpPort, pool: true });
  });

  afterAll(async () => {
    transport.close();
    await mailbox.stop();
    rmSync(folder, { recursive: true });
  });

  it("has a message in its log by the time it says yes, without the address", async () => {
    await send(1, "Grüße & <b>Küsse</b>");
    expect(logged()).toEqual([
      {
        at: expect.stringMatching(/^\d{4}-.*Z$/),
        messageId: "<m1@example.org>",
        deliveryId: "dlv_1",
        groupId: null,
      },
    ]);
    expect(readFileSync(join(folder, "mailbox.jsonl"), "utf8")).not.toContain("ada@");
  });

  it("lists the newest, with nothing of a message taken for markup, and shows one as it came", async () => {
    const html = await (await fetch(page, { headers: { accept: "text/html" } })).text();
    expect(html).toContain("Grüße &#38; &#60;b&#62;Küsse&#60;/b&#62;");
    const raw = await fetch(`${page}/messages/1`);
    expect(raw.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    expect(await raw.text()).toContain("Dear Ada");
    expect((await fetch(`${page}/messages/99`)).status).toBe(404);
  });

  it("keeps so many and no more, and logs them all", async () => {
    for (const number of [2, 3, 4, 5]) await send(number);
    const listed = (await (await fetch(page)).json()) as {
      number: number;
      subject: string;
      to: string[];
    }[];
    expect(listed.map(({ number }) => number)).toEqual([5, 4, 3]);
    expect(listed[0]).toMatchObject({ subject: "Number 5", to: ["ada@example.org"] });
    expect(logged()).toHaveLength(5);
    expect((await fetch(`${page}/messages/2`)).status).toBe(404);
  });

  it("answers only to the names of this machine, whatever the path", async () => {
    const get = (path: string, host?: string) =>
      new Promise<number>((resolve, reject) => {
        const sent = request(page, { path, ...(host && { headers: { host } }) }, (response) => {
          response.resume();
          resolve(response.statusCode!);
        });
        sent.on("error", reject);
        sent.end();
      });
    expect(await get("/", "evil.example")).toBe(421);
    expect(await get("/messages/1", `localhost.evil.example:${new URL(page).port}`)).toBe(421);
    expect(await get("/", "localhost")).toBe(200);
    for (const path of ["//", "//messages/1", "/%"])
      expect([path, await get(path)]).toEqual([path, 404]);
    expect(await get("/?page=1")).toBe(200);
  });
});
