import type { Caller } from "./keyring.ts";
import type { ProblemKind } from "./problem-kinds.ts";

/** What is known of a request while it is served. */
export interface ApiEnv {
  Variables: {
    requestId: string;
    /** Who asks; of a public route nobody. */
    caller: Caller;
    /** Of a route for recipients: the UUID of the one who asks. Nobody has looked whether there still is such a one. */
    recipientId: string;
    /** As it was sent, of a request with a JSON body. */
    body: unknown;
    /** What the answer is, where it is not the one asked for. */
    problem: ProblemKind | undefined;
    /** Where requests are traced. */
    traceId: string | undefined;
  };
}
