import type { Caller } from "./keyring.ts";
import type { ProblemKind } from "./problem-kinds.ts";

/** The variables of a request. */
export interface ApiEnv {
  Variables: {
    requestId: string;
    /** The caller; it is not set for a public route. */
    caller: Caller;
    /** The UUID of the recipient whose token was sent. Whether that recipient still exists has not been checked. */
    recipientId: string;
    /** The JSON body as it was sent. */
    body: unknown;
    /** The kind of problem that the answer is, if it is one. */
    problem: ProblemKind | undefined;
    /** The id of the trace, where requests are traced. */
    traceId: string | undefined;
  };
}
