import { describe, expect, it } from "vitest";
import { type AccountedDelivery, awaitsStage, judgeChannel, wasLeftOut } from "./account.ts";

const delivery = (id: string, part: Partial<AccountedDelivery> = {}): AccountedDelivery => ({
  id,
  leg: "primary",
  channel: "push",
  status: "sent",
  reason: null,
  ...part,
});

const escalation = delivery("later", {
  leg: "stage:1",
  status: "pending",
  reason: "earlier_stage",
});

describe("the account of a channel", () => {
  it("counts what is owed, sent or delivered, and waiting", () => {
    const deliveries = [
      delivery("a"),
      delivery("b", { status: "delivered" }),
      delivery("c", { status: "failed" }),
      delivery("d", { status: "suppressed" }),
      delivery("e", { channel: "email" }),
      escalation,
    ];
    expect(judgeChannel("push", deliveries, ["b", "a"])).toEqual({
      channel: "push",
      owed: 4,
      waiting: 1,
      sent: 2,
      lost: 0,
      duplicated: 0,
    });
  });

  it("has lost what is sent in the ledger and has not arrived, even if as many messages have", () => {
    const account = judgeChannel("push", [delivery("a"), delivery("b")], ["a", "a"]);
    expect(account).toMatchObject({ sent: 2, lost: 1, duplicated: 1 });
  });

  it("counts a message as duplicated whose delivery was sent by another channel", () => {
    const account = judgeChannel("push", [delivery("a", { channel: "email" })], ["a"]);
    expect(account).toMatchObject({ owed: 0, sent: 0, lost: 0, duplicated: 1 });
  });
});

it("only a later stage that has not begun awaits its time", () => {
  expect(awaitsStage(escalation)).toBe(true);
  expect(awaitsStage({ ...escalation, status: "sent", reason: null })).toBe(false);
  expect(awaitsStage({ ...escalation, reason: "next_channel" })).toBe(false);
  expect(awaitsStage({ ...escalation, leg: "primary" })).toBe(false);
});

it("only a suppressed stage that an earlier one has made unnecessary was left out", () => {
  const leftOut = { ...escalation, status: "suppressed", reason: "already_reached" } as const;
  expect(wasLeftOut(leftOut)).toBe(true);
  expect(wasLeftOut({ ...leftOut, reason: "no_address" })).toBe(false);
  expect(wasLeftOut(escalation)).toBe(false);
});
