import { closeSync, existsSync, openSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createLogger, droppedLogLines, logTo } from "./logger.ts";
import { processRegistry } from "./metrics.ts";

function logging() {
  const lines: string[] = [];
  const logger = createLogger("test", "trace", { write: (line) => void lines.push(line) });
  return { logger, lines };
}

const secret = "hunter2-of-ada";

describe("a log entry", () => {
  it.each([
    { authorization: `Bearer ${secret}` },
    { request: { headers: { cookie: secret } } },
    { options: { connection: { PASSWORD: secret } } },
    { recipients: [{ email: secret }] },
    { deep: { deeper: { still: [{ attributes: { name: secret } }] } } },
    { a: { b: { c: { d: { e: { f: { g: { h: secret } } } } } } } },
    { bytes: Buffer.from(secret) },
  ])("redacts secrets and personal data: %j", (entry) => {
    const { logger, lines } = logging();
    logger.info(entry, "said");
    expect(lines.join("")).not.toContain(secret);
    expect(lines.join("")).not.toContain(JSON.stringify([...Buffer.from(secret)]).slice(1, -1));
    expect(JSON.parse(lines[0]!)).toMatchObject({ level: "info", role: "test", msg: "said" });
  });

  it("redacts addresses and credentials in texts", () => {
    const { logger, lines } = logging();
    logger.warn({
      said: `550 <ada@example.org> is unknown at smtp://ada:${secret}@mail.example.org:25`,
    });
    expect(lines.join("")).not.toMatch(/ada|example/);
    expect(lines.join("")).toContain("550 <…> is unknown");
  });

  it("keeps ids, instants and numbers", () => {
    const { logger, lines } = logging();
    const entry = {
      requestId: "a-1",
      queue: "campaign/cmp_01jd3v8qyee7fr8xmcsnh5hbcd/lane/3",
      counts: { sent: 3 },
      at: new Date(0),
      nothing: null,
    };
    logger.info(entry);
    expect(JSON.parse(lines[0]!)).toMatchObject({ ...entry, at: "1970-01-01T00:00:00.000Z" });
  });
});

describe("an error in a log entry", () => {
  const entryOf = (error: unknown) => {
    const { logger, lines } = logging();
    logger.error({ error, nested: { error } });
    return { text: lines.join(""), error: (JSON.parse(lines[0]!) as { error: object }).error };
  };

  it("has its name, stack and message", () => {
    const { error } = entryOf(new Error("the relay is gone", { cause: new RangeError("too far") }));
    expect(error).toMatchObject({
      name: "Error",
      message: "the relay is gone",
      stack: expect.stringMatching(/^ +at .*logger\.test\.ts/),
      cause: { name: "RangeError", message: "too far" },
    });
  });

  it("does not quote its input", () => {
    class PrismaClientValidationError extends Error {
      override name = "PrismaClientValidationError";
    }
    const database = Object.assign(new Error(`duplicate ${secret}`), {
      code: "23505",
      detail: `Key (email)=(${secret}) exists`,
      where: secret,
    });
    const syntax = (() => {
      try {
        return JSON.parse(`{"a": ${secret}}`) as unknown;
      } catch (error) {
        return error;
      }
    })();
    for (const error of [
      database,
      syntax,
      new PrismaClientValidationError(
        `Invalid invocation: { email: ${secret} }\n    at ${secret}:1:1`,
      ),
      new Error(`there is no template "${secret}"`),
      new Error(`cannot reach \`${secret}\` or '${secret}`),
      new Error("outer", { cause: database }),
      Object.assign(new Error("with more"), { request: { body: secret } }),
      Object.assign(new Error(`renamed ${secret}\n    at ${secret} (a:1:1)`), { name: "ZodError" }),
    ])
      expect(entryOf(error).text).not.toContain(secret);
  });
});

describe.runIf(existsSync("/dev/full"))("a log on a full disk", () => {
  it("drops and counts entries without an exception", async () => {
    const full = openSync("/dev/full", "a");
    try {
      const logger = createLogger("test", "info", logTo(full));
      const before = droppedLogLines();
      for (let n = 0; n < 2_000; n++) logger.info({ n }, "one of many");
      const dropped = droppedLogLines() - before;
      expect(dropped).toBeGreaterThan(1_000);
      expect(dropped).toBeLessThan(2_000);
      expect(await processRegistry().metrics()).toContain(
        `tidings_log_entries_dropped_total ${droppedLogLines()}`,
      );
    } finally {
      closeSync(full);
    }
  });
});
