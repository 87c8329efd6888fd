import { dkimVerify } from "mailauth/lib/dkim/verify.js";
import { describe, expect, it } from "vitest";
import { dkimRecords, forgeries, refold, signMail } from "../support/signed-mail.ts";

// mailauth shares no code with our signer.

async function verify(message: string): Promise<string[]> {
  const { results } = await dkimVerify(Buffer.from(message, "latin1"), {
    resolver: async (name: string) => [[dkimRecords[name] ?? ""]],
  });
  return results.map(({ status }) => status.result);
}

describe("signed mail", () => {
  it("has a valid signature of each key", async () => {
    expect(await verify(await signMail())).toEqual(["pass", "pass"]);
  });

  it("stays valid when a relay folds its headers again", async () => {
    expect(await verify(refold(await signMail()))).toEqual(["pass", "pass"]);
  });

  it.each(forgeries)("is no longer valid after %j becomes %j", async (before, after) => {
    const message = await signMail();
    expect(message).toContain(before);
    const results = await verify(message.replace(before, after));
    expect(results).toHaveLength(2);
    expect(results).not.toContain("pass");
  });

  it("is unsigned if there is no key for its From domain", async () => {
    expect(await signMail("example.com")).not.toContain("DKIM-Signature");
  });
});
