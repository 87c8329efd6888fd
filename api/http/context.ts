import type { RecipientToken } from "./auth.ts";
import type { Caller } from "./keyring.ts";
import type { ProblemKind } from "./problem-kinds.ts";
import type { TableRow } from "./router.ts";
import type { Session } from "./sessions.ts";

/** The variables of a request. */
export interface ApiEnv {
  Variables: {
    requestId: string;
    /** The route of the request; null if no route matches. */
    route: TableRow | null;
    /** The network address of the caller; null if it is not known. */
    address: string | null;
    /** The caller; it is not set for a public route. */
    caller: Caller;
    /** The session of the caller; it is not set for a caller with a key. */
    session: Session | undefined;
    /** Whether the key or the session of the caller is still in force, as of the last two seconds. */
    isStillValid: () => Promise<boolean>;
    /** The UUID of the recipient whose token was sent. Whether that recipient still exists has not been checked. */
    recipientId: string;
    /** The locale of the recipient whose link was followed, for the page that says what failed; not set where it is not known. */
    pageLocale: string | undefined;
    /** The token of the recipient, where one was sent. */
    recipientToken: RecipientToken;
    /** The JSON body as it was sent. */
    body: unknown;
    /** The bytes of the body, for a route that verifies a signature over them. */
    rawBody: Uint8Array;
    /** The kind of problem, if the response is one. */
    problem: ProblemKind | undefined;
    /** The id of the trace, if requests are traced. */
    traceId: string | undefined;
  };
}
