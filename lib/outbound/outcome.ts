/**
 * The outcome of one request. `detail` is safe to show to every role: it contains no address, and it does not distinguish a host that is
 * unknown from a host whose addresses are refused, so that nobody can explore a private network with it. `reason`, `code` and `address`
 * are for operators.
 */
export type Outcome = Answered | Refused | NotSent | NoAnswer;

/** The server answered. The request has arrived. */
export interface Answered {
  kind: "answered";
  status: number;
  /** The headers that the request asked for, by their names in lower case. */
  headers: Record<string, string>;
  /** The body up to the limit, as UTF-8; null if the server compressed it although the request asks for no compression. */
  text: string | null;
  /** False if the body was longer than the limit, ended early, or did not arrive in time. */
  complete: boolean;
}

/** The rules forbid the request. Nothing was sent, and a repetition is refused too until the rules, the URL or its host change. */
export interface Refused {
  kind: "refused";
  reason: RefusalReason;
  detail: string;
  /** The address that is not allowed, for operators only. */
  address?: string;
}

/**
 * - `url`: the URL is malformed, has another scheme than http or https, or contains a user or a password.
 * - `port`: the port is not allowed.
 * - `plain`: the scheme is http, which is not allowed here.
 * - `address`: an address of the host is not public, and its range is not allowed.
 * - `metadata`: an address of the host serves the metadata of a cloud machine, or is link-local. No setting allows these.
 * - `request`: the method or a header is not valid in HTTP.
 */
export type RefusalReason = "url" | "port" | "plain" | "address" | "metadata" | "request";

/** No byte of the request was written to a connection. A repetition cannot be a duplicate. */
export interface NotSent {
  kind: "not_sent";
  reason: NotSentReason;
  detail: string;
  /** The system's code, such as `ECONNREFUSED`. */
  code?: string;
}

/**
 * - `name`: the host name could not be resolved.
 * - `connect`: no address accepted a connection.
 * - `tls`: the TLS handshake or the check of the certificate failed.
 * - `deadline`: the time ended before a connection was there.
 * - `aborted`: the caller's signal stopped the request.
 * - `withheld`: the caller's `begin` returned false.
 * - `busy`: every pool is in use, and no further origin fits.
 * - `closed`: the client has been closed.
 */
export type NotSentReason =
  | "name"
  | "connect"
  | "tls"
  | "deadline"
  | "aborted"
  | "withheld"
  | "busy"
  | "closed";

/** The request was written, at least in part, and no status was received. It may have arrived. */
export interface NoAnswer {
  kind: "no_answer";
  reason: NoAnswerReason;
  detail: string;
  /** The code of the error, such as `ECONNRESET`. */
  code?: string;
}

/**
 * - `deadline`: no complete headers arrived in time.
 * - `aborted`: the caller's signal stopped the request.
 * - `cut`: the connection ended.
 * - `malformed`: the answer is not HTTP, or its headers are too large.
 */
export type NoAnswerReason = "deadline" | "aborted" | "cut" | "malformed";

const unreachableHost = "the host is unknown or not allowed";

const refusals: Record<RefusalReason, string> = {
  url: "the URL is not allowed",
  port: "the port is not allowed",
  plain: "http is not allowed",
  address: unreachableHost,
  metadata: unreachableHost,
  request: "the request is not valid HTTP",
};

const obstacles: Record<NotSentReason, string> = {
  name: unreachableHost,
  connect: "no connection",
  tls: "no TLS connection",
  deadline: "no connection in time",
  aborted: "stopped before it was sent",
  withheld: "stopped before it was sent",
  busy: "too many connections to other hosts",
  closed: "stopped before it was sent",
};

const silences: Record<NoAnswerReason, string> = {
  deadline: "no answer in time",
  aborted: "stopped before it was answered",
  cut: "no answer: the connection ended",
  malformed: "no answer that is valid HTTP",
};

export const refused = (reason: RefusalReason, address?: string): Refused => ({
  kind: "refused",
  reason,
  detail: refusals[reason],
  ...(address !== undefined && { address }),
});

/** The code becomes part of the detail, except where it would show whether the host exists. */
export const notSent = (reason: NotSentReason, code?: string): NotSent => ({
  kind: "not_sent",
  reason,
  detail:
    code === undefined || reason === "name" ? obstacles[reason] : `${obstacles[reason]}: ${code}`,
  ...(code !== undefined && { code }),
});

export const noAnswer = (reason: NoAnswerReason, code?: string): NoAnswer => ({
  kind: "no_answer",
  reason,
  detail: silences[reason],
  ...(code !== undefined && { code }),
});
