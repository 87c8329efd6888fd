import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { packageRoot } from "../../config/package-root.ts";
import { compose } from "./compose-file.ts";
import { copyOf, isIgnored, stages } from "./dockerfile.ts";

const last = stages.at(-1)!;
const all = stages.flatMap(({ instructions }) => instructions);

describe("the Dockerfile", () => {
  it.each(stages)(
    "names the version of what $name is based on, the one that is tested",
    ({ base }) => {
      const [, version] = /^node:(\d+\.\d+\.\d+)-[a-z]+-slim$/.exec(base)!;
      expect(process.version.split(".")[0]).toBe(`v${version!.split(".")[0]}`);
    },
  );

  it("ends as a user who is not root, by number", () => {
    expect(last.instructions.filter(({ name }) => name === "USER")).toEqual([
      { name: "USER", text: compose.services["api"]!.user },
    ]);
    expect(compose.services["api"]!.user).toMatch(/^[1-9]\d*:[1-9]\d*$/);
  });

  it("takes no secret, in no stage", () => {
    expect(all.filter(({ name }) => name === "ARG" || name === "ADD")).toEqual([]);
    expect(all.filter(({ name }) => name === "ENV")).toEqual([
      { name: "ENV", text: "NODE_ENV=production" },
      { name: "ENV", text: "MALLOC_ARENA_MAX=2" },
    ]);
  });

  it("brings the distribution's newest time zone data", () => {
    const installed = last.instructions.filter(({ text }) =>
      /apt-get install .*\btzdata\b/.test(text),
    );
    expect(installed).toHaveLength(1);
  });

  it("copies from the context only what there is and is not ignored", () => {
    const copied = all
      .filter(({ name }) => name === "COPY")
      .map(({ text }) => copyOf(text))
      .filter(({ from }) => from === null)
      .flatMap(({ sources }) => sources);
    expect(copied.length).toBeGreaterThan(0);
    expect(copied.filter((path) => path !== "." && isIgnored(path))).toEqual([]);
    expect(copied.filter((path) => !existsSync(join(packageRoot, path)))).toEqual([]);
  });

  it.each([
    ".git/config",
    "secrets/database-url",
    ".env",
    "deploy/.env",
    ".tidings/api-key",
    "node_modules/x",
    "dist/x",
  ])("leaves %s out of the context", (path) => expect(isIgnored(path)).toBe(true));
});
