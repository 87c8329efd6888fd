import { execFile } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTemporaryStack, type TemporaryStack } from "../../cli/demo/temporary-stack.ts";
import { packageRoot } from "../../config/package-root.ts";
import { waitMs } from "../support/patience.ts";

const run = promisify(execFile);
const compiler = join(
  dirname(createRequire(import.meta.url).resolve("typescript/package.json")),
  "bin/tsc",
);

describe("a service elsewhere, with Tidings among its packages", () => {
  let folder: string;
  let stack: TemporaryStack;

  const compile = async (file: string) => {
    const configuration = {
      compilerOptions: {
        target: "es2023",
        module: "nodenext",
        strict: true,
        types: ["node"],
        skipLibCheck: true,
        outDir: "out",
      },
      files: [file],
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(configuration));
    const { stdout } = await run(process.execPath, [compiler], { cwd: folder }).catch(
      (error: unknown) => error as { stdout: string },
    );
    return stdout;
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "tidings-service-"));
    writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(packageRoot, join(folder, "node_modules/tidings"));
    symlinkSync(join(packageRoot, "node_modules/@types"), join(folder, "node_modules/@types"));
    cpSync(join(packageRoot, "docs/examples/service.ts"), join(folder, "service.ts"));
    stack = await startTemporaryStack({ environment: process.env });
  });
  afterAll(async () => {
    await stack?.stop();
    rmSync(folder, { recursive: true });
  });

  it("compiles, and sends its messages", async () => {
    expect(await compile("service.ts")).toBe("");
    const ask = () =>
      run(process.execPath, ["out/service.js"], {
        cwd: folder,
        env: { TIDINGS: stack.urls.api, TIDINGS_API_KEY: stack.apiKey },
        timeout: waitMs,
      });
    const told = JSON.parse((await ask()).stdout) as Record<string, unknown>;
    expect(told).toMatchObject({
      requestId: expect.stringMatching(/^order-service-/) as string,
      notification: { sent: 1, pending: 0 },
      campaign: { audience: 2, sent: 2, duplicates: 0, reconciled: true },
    });
    const audit = await fetch(
      `${stack.urls.api}/v1/audit?requestId=${told["requestId"] as string}`,
      {
        headers: { authorization: `Bearer ${stack.apiKey}` },
      },
    );
    expect(await audit.text()).toContain('"campaign.start"');
    // The second run repeats the requests: nobody receives a message twice.
    expect(JSON.parse((await ask()).stdout)).toMatchObject({
      notification: { sent: 1 },
      campaign: { audience: 2, sent: 2 },
    });
    const messages = readFileSync(stack.mailboxLog!, "utf8").trim().split("\n");
    expect(messages).toHaveLength(3);
  });

  it("fails to compile if it uses what the API does not accept or return", async () => {
    writeFileSync(
      join(folder, "wrong.ts"),
      `import { answerOf, createClient } from "tidings/client";
       const { v1 } = createClient({ url: "http://127.0.0.1", apiKey: "" });
       await v1.notifications.$post({ header: {}, json: { recipients: "everybody", template: { key: "x" } } });
       const { nothing } = await answerOf(v1.campaigns[":id"].$get({ param: { id: "cmp_1" } }));
       await v1.nowhere.$get();`,
    );
    const complaints = await compile("wrong.ts");
    expect(complaints).toContain("wrong.ts(3,");
    expect(complaints).toContain("'nothing' does not exist");
    expect(complaints).toContain("'nowhere' does not exist");
  });
});
