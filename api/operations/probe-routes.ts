import { z } from "@hono/zod-openapi";
import { createWriteProbe, writeFaultText } from "../../ledger/write-probe.ts";
import { probeSealing } from "../../ledger/sealer.ts";
import { withTimeout } from "../../lib/timeout.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import { Problem } from "../http/problem.ts";
import type { Services } from "../services.ts";

const alive = defineRoute({
  method: "get",
  path: "/healthz",
  access: "public",
  class: "probe",
  summary: "Check that the process is alive. Depends on nothing else.",
  responses: responses(200, "The process is alive", z.object({ status: z.literal("ok") })),
});

const ready = defineRoute({
  method: "get",
  path: "/readyz",
  access: "public",
  class: "probe",
  summary:
    "Check that the process can serve requests. This needs a database that accepts writes. Without Temporal the status is `degraded`: notifications are accepted, and sent later. If a key of `SEALING_KEYS` is missing it is `degraded` too: what is encrypted in the database cannot be used, and everything else works.",
  responses: responses(
    200,
    "The process can serve",
    z.object({
      status: z.enum(["ready", "degraded"]),
      database: z.literal("up"),
      temporal: z.enum(["up", "down"]),
      sealing: z.enum(["up", "off", "failing", "unknown"]).openapi({
        description:
          "Whether secrets and device addresses in the database can be encrypted and decrypted. `off`: no key is configured, and nothing is encrypted. `failing`: a key is missing, or is not the original one; the log names it",
      }),
    }),
  ),
});

const databaseProbeMs = 2_000;

export function healthRoutes({ lookupPool, probeTemporal, sealer }: Services) {
  const probeWrites = createWriteProbe(lookupPool);

  async function probeDatabase(): Promise<void> {
    const fault = await withTimeout(databaseProbeMs, probeWrites()).catch(
      () => "unreachable" as const,
    );
    if (fault === null) return;
    const detail =
      fault === "unreachable"
        ? "The database cannot be reached. Check that it is running, and DATABASE_URL."
        : `The database does not accept writes. ${writeFaultText[fault]}`;
    throw new Problem("unavailable", detail, { headers: { "Retry-After": "2" } });
  }

  let probing: ReturnType<typeof probe> | null = null;
  const probe = () =>
    Promise.all([
      probeDatabase(),
      probeTemporal().then(
        () => "up" as const,
        () => "down" as const,
      ),
      probeSealing(sealer, databaseProbeMs),
    ]);
  /** Requests at the same time share one probe, because anybody may send them and each probe costs a connection. */
  const probeOnce = () => (probing ??= probe().finally(() => (probing = null)));

  return createRouter()
    .openapi(alive, (c) => c.json({ status: "ok" as const }, 200))
    .openapi(ready, async (c) => {
      const [, temporal, sealing] = await probeOnce();
      const isReady = temporal === "up" && (sealing === "up" || sealing === "off");
      return c.json(
        {
          status: isReady ? ("ready" as const) : ("degraded" as const),
          database: "up" as const,
          temporal,
          sealing,
        },
        200,
      );
    });
}
