import { isGrpcServiceError } from "@temporalio/client";
import {
  missingSearchAttributes,
  temporalClient,
  temporalSettings,
} from "../../config/temporal.ts";
import { MissingError } from "../stack/missing.ts";
import { given, ok, warning, type Check, type Finding } from "./check.ts";
import type { Surroundings } from "./surroundings.ts";

const answerTimeoutMs = 4_000;

/** https://grpc.io/docs/guides/status-codes/ */
const codes = { late: 4, notFound: 5, denied: 7, unavailable: 14, unauthenticated: 16 };

/** Checks the server of `TEMPORAL_ADDRESS`. If the variable is not set, there is no finding: `npm start` runs its own server. */
export function temporalCheck({ environment }: Surroundings): Check {
  const mend = "Start it, or correct TEMPORAL_ADDRESS and the other TEMPORAL_ variables";
  return {
    name: "Temporal",
    required: true,
    mend,
    look: async () => {
      if (!given(environment, "TEMPORAL_ADDRESS")) return [];
      const settings = temporalSettings(environment);
      const { address } = settings.connectionOptions;
      const { namespace } = settings;
      const client = temporalClient(settings);
      const ask = <Answer>(question: () => Promise<Answer>) =>
        client.connection.withDeadline(Date.now() + answerTimeoutMs, question);
      try {
        const { serverVersion } = await ask(() => client.workflowService.getSystemInfo({})).catch(
          (error: unknown) => {
            throw new MissingError(`${address}: ${detailsOf(error)}`, mend);
          },
        );
        await ask(() => client.workflowService.describeNamespace({ namespace })).catch(
          (error: unknown) => {
            throw codeOf(error) === codes.notFound
              ? new MissingError(
                  `${address} has no namespace "${namespace}"`,
                  `Create it (temporal operator namespace create --namespace ${namespace}), or correct TEMPORAL_NAMESPACE`,
                )
              : new MissingError(
                  `namespace "${namespace}" at ${address}: ${detailsOf(error)}`,
                  mend,
                );
          },
        );
        return [
          ok("Temporal", `${serverVersion} at ${address}, namespace "${namespace}"`),
          await searchAttributes(() => ask(() => missingSearchAttributes(client))),
        ];
      } finally {
        // Closing fails if the client is still connecting.
        client.connection.close().catch(() => {});
      }
    },
  };
}

async function searchAttributes(ask: () => Promise<string[]>): Promise<Finding> {
  const name = "Search attributes";
  try {
    const absent = await ask();
    if (absent.length === 0) return ok(name, "registered");
    return warning(
      name,
      `not registered: ${absent.join(", ")}`,
      `Workers register them when they start, if they have the right to. Otherwise run: temporal operator search-attribute create ${absent.map((attribute) => `--name ${attribute} --type Keyword`).join(" ")}`,
    );
  } catch (error) {
    return warning(
      name,
      detailsOf(error),
      "Allow this client to list search attributes: workers do so when they start",
    );
  }
}

const codeOf = (error: unknown) => (isGrpcServiceError(error) ? Number(error.code) : null);

function detailsOf(error: unknown): string {
  const code = codeOf(error);
  if (code === codes.denied || code === codes.unauthenticated)
    return "the key or certificate was refused";
  if (code === codes.late || code === codes.unavailable) return "no answer";
  if (isGrpcServiceError(error)) return error.details;
  return error instanceof Error ? error.message : String(error);
}
