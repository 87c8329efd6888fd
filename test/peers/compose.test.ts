import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { packageRoot } from "../../config/package-root.ts";
import { compose } from "../deploy/compose-file.ts";
import { composeLoader } from "./compose-loader.ts";

describe("docker-compose.yml", () => {
  it("is loaded by the library with which docker compose loads it", async () => {
    const loader = await composeLoader();
    const folder = mkdtempSync(join(tmpdir(), "tidings-compose-"));
    try {
      const loaded = execFileSync(
        loader,
        ["-format", "json", join(packageRoot, "docker-compose.yml")],
        { cwd: folder, env: { PATH: "/usr/bin:/bin" }, encoding: "utf8" },
      );
      const { services: found } = JSON.parse(loaded) as { services: Record<string, unknown> };
      expect(Object.keys(found).sort()).toEqual(Object.keys(compose.services).sort());
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
