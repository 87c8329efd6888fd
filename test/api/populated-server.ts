import type { Document } from "../support/openapi.ts";
import { listen } from "../support/listening.ts";
import { startApi } from "./harness.ts";
import { recipientPurposes } from "../../domain/tokens.ts";
import { namingKnown, populate } from "./populated.ts";

/** The requests are the same in every run, unless another seed is set. */
export const seed = Number(process.env["PROPERTIES_SEED"] ?? 20261124);

/** Requests that have to arrive, of whichever program makes them. */
export const leastRequests = 2_000;

export type PopulatedServer = Awaited<ReturnType<typeof startPopulatedServer>>;

/** The API behind a port, over something of everything, and an account of what was asked of it. */
export async function startPopulatedServer() {
  const api = await startApi();
  const document: Document = namingKnown(
    (await api.send("GET", "/openapi.json")).body,
    await populate(api),
  );
  const issued = await api.send("POST", "/v1/recipients/u1/tokens", {
    purposes: recipientPurposes,
    expiresInSeconds: 86_400,
  });
  /** How often each status was the answer, and what failed. */
  const arrived = { count: 0, statuses: {} as Record<number, number>, failures: [] as string[] };
  const server = await listen(async (request) => {
    arrived.count += 1;
    const response = await api.app.fetch(request);
    arrived.statuses[response.status] = (arrived.statuses[response.status] ?? 0) + 1;
    if (response.status >= 500)
      arrived.failures.push(`${request.method} ${request.url} answered ${response.status}`);
    return isStream(response) ? beginningOf(response) : response;
  });
  return {
    url: server.url,
    /** What the API says of itself, with what there is among the values of its ids and keys. */
    document,
    recipientToken: issued.body.token as string,
    arrived,
    /** Resets the account. */
    forget: () => void Object.assign(arrived, { count: 0, statuses: {}, failures: [] }),
    report: (who: string) =>
      process.stderr.write(
        `${who} made ${arrived.count} requests with seed ${seed}, answered by ${JSON.stringify(arrived.statuses)}.\n`,
      ),
    async stop() {
      await server.close();
      await api.stop();
    },
  };
}

const isStream = ({ headers }: Response) =>
  headers.get("content-type")?.startsWith("text/event-stream");

/** A stream does not end by itself, so that it is cut after its first events. */
async function beginningOf(response: Response): Promise<Response> {
  const reader = response.body!.getReader();
  const { value } = await reader.read();
  await reader.cancel();
  return new Response(value, response);
}
