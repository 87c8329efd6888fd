import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { packageRoot } from "../../config/package-root.ts";
import { programOf } from "../support/programs.ts";
import { dkimRecords, forgeries, refold, signMail } from "../support/signed-mail.ts";

// dkimpy, which shares no code with our signer, nor with the verifier of test/channels/dkim.test.ts.

let program: string;
beforeAll(() => {
  program = programOf("Python with dkimpy", "DKIMPY_PATH", ["python3"]);
});

/** Whether each signature of a message is valid. */
function verify(message: string): boolean[] {
  const order = {
    message: Buffer.from(message, "latin1").toString("base64"),
    records: dkimRecords,
  };
  const { status, stdout, stderr } = spawnSync(
    program,
    [join(packageRoot, "test/peers/dkim_peer.py")],
    { input: JSON.stringify(order) },
  );
  if (status !== 0) throw new Error(`dkimpy ended with ${status}: ${stderr.toString()}`);
  return JSON.parse(stdout.toString()) as boolean[];
}

it("accepts both signatures, also after a relay has folded the headers again", async () => {
  const message = await signMail();
  expect(verify(message)).toEqual([true, true]);
  expect(verify(refold(message))).toEqual([true, true]);
});

it.each(forgeries)("refuses a message in which %j became %j", async (before, after) => {
  expect(verify((await signMail()).replace(before, after))).toEqual([false, false]);
});
