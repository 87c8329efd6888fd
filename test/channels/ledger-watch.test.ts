import { afterEach, describe, expect, it } from "vitest";
import { parseSender } from "../../domain/address.ts";
import type { WriteFault } from "../../ledger/write-probe.ts";
import { watchLedger } from "../../workers/ledger-watch.ts";
import { patience } from "../support/patience.ts";
import { provider } from "./email-channel.ts";
import { startMailbox } from "./mailbox.ts";

const running: { stop(): unknown }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

/** Watches a database whose state the test sets, with two servers, the first of which refuses everything. */
async function startWatch() {
  const refusing = await startMailbox({
    onMailFrom: (_address, _session, done) => done(new Error("not now")),
  });
  const mailbox = await startMailbox();
  const state = { fault: null as WriteFault | "silent" | null, looks: 0, warnings: 0 };
  const watch = watchLedger({
    probeWrites: async () => {
      state.looks += 1;
      if (state.fault === "silent") throw new Error("no connection");
      return state.fault;
    },
    providers: [refusing, mailbox].map(({ port }, index) =>
      provider(port, { name: `smtp-${index + 1}` }),
    ),
    from: parseSender("Tidings <tidings@example.org>")!,
    to: ["ops@example.org", "night@example.org"],
    consoleUrl: "https://tidings.example.org/console",
    logger: { warn: () => void (state.warnings += 1), error: () => {} },
    everyMs: 5,
  });
  running.push({ stop: refusing.close }, { stop: mailbox.close }, watch);
  const subjects = () => mailbox.received.map(({ email }) => email.subject);
  const lookAgain = async (times: number) => {
    const before = state.looks;
    await expect.poll(() => state.looks, patience).toBeGreaterThan(before + times);
  };
  return { state, mailbox, subjects, lookAgain };
}

describe("the watch of the ledger", () => {
  it("mails once that the database takes no writes, and once that it does again", async () => {
    const { state, mailbox, subjects, lookAgain } = await startWatch();
    await lookAgain(3);
    expect(subjects()).toEqual([]);
    state.fault = "disk_full";
    await expect.poll(subjects, patience).toEqual(["The database accepts no writes"]);
    expect(mailbox.received[0]!.to).toEqual(["ops@example.org", "night@example.org"]);
    expect(mailbox.received[0]!.email.text).toContain("https://tidings.example.org/console/health");
    expect(state.warnings).toBe(1);
    await lookAgain(3);
    expect(subjects()).toHaveLength(1);
    state.fault = null;
    await expect
      .poll(subjects, patience)
      .toEqual(["The database accepts no writes", "The database accepts writes again"]);
    await lookAgain(3);
    expect(subjects()).toHaveLength(2);
  });

  it("mails that the database does not answer", async () => {
    const { state, mailbox, subjects } = await startWatch();
    state.fault = "silent";
    await expect.poll(subjects, patience).toHaveLength(1);
    expect(mailbox.received[0]!.email.text).toContain("does not answer");
  });
});
