import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { historyFromJSON } from "@temporalio/common/lib/proto-utils.js";
import { Worker } from "@temporalio/worker";
import { describe, expect, it } from "vitest";
import { packageRoot } from "../../config/package-root.ts";
import { workflowBundle } from "../support/workers.ts";

const folder = join(packageRoot, "test/replay/histories");
const histories = readdirSync(folder).filter((name) => name.endsWith(".json"));
const read = (name: string) =>
  JSON.parse(readFileSync(join(folder, name), "utf8")) as Record<string, unknown>;

describe("recorded histories", () => {
  it.each(histories)("replay: %s", async (name) => {
    await Worker.runReplayHistory({ workflowBundle: await workflowBundle() }, read(name));
  });

  it("cover every workflow", () => {
    const types = histories.map(
      (name) =>
        historyFromJSON(read(name)).events?.[0]?.workflowExecutionStartedEventAttributes
          ?.workflowType?.name,
    );
    expect(new Set(types)).toEqual(
      new Set(["campaign", "deliveryQueue", "digest", "events", "maintenance", "relay"]),
    );
  });

  it("would show a change of order", async () => {
    const altered = JSON.parse(
      JSON.stringify(read(histories.find((name) => name.endsWith("mailbox.json"))!)).replaceAll(
        '"dispatch"',
        '"somethingElse"',
      ),
    ) as Record<string, unknown>;
    await expect(
      Worker.runReplayHistory({ workflowBundle: await workflowBundle() }, altered),
    ).rejects.toThrow(/[Nn]ondetermin/);
  });
});
