import { type Dispatcher, errors } from "undici";
import { ConnectionFault } from "./connecting.ts";
import { noAnswer, notSent, refused, type Outcome } from "./outcome.ts";

export interface OutboundRequest {
  url: string;
  method: string;
  /** Without `host`, which is the URL's. */
  headers: Readonly<Record<string, string>>;
  body?: string | Uint8Array;
  /** Names in lower case of the headers that the outcome shall have. */
  wantedHeaders?: readonly string[];
  /** Called immediately before the first byte is written. If it returns false, nothing is sent, and the outcome is `withheld`. */
  begin?: () => boolean;
  signal?: AbortSignal;
  /** Time for everything in milliseconds, if it is shorter than the client's. */
  deadlineMs?: number;
}

export interface ExchangeLimits {
  /** From the first byte of the request to the last of the answer's headers, in milliseconds. */
  headersMs: number;
  /** From there to the end of the answer's body, in milliseconds. */
  bodyMs: number;
  /** Bytes of the answer's body that are read. The connection ends if there are more. */
  maxAnswerBytes: number;
}

/** Why a request is stopped from outside: the value with which its signal is aborted. */
export type StopReason = "deadline" | "aborted";

/**
 * Writes one request to a connection of the dispatcher and reads the answer. The dispatcher calls `onRequestStart` synchronously before
 * it writes, so that nothing was sent where that call did not come.
 */
export function exchange(
  dispatcher: Dispatcher,
  { origin, path }: { origin: string; path: string },
  request: OutboundRequest,
  limits: ExchangeLimits,
  stopped: AbortSignal,
): Promise<Outcome> {
  const { promise, resolve } = withResolvers<Outcome>();
  let controller: Dispatcher.DispatchController | null = null;
  let timer: NodeJS.Timeout | undefined;
  let isBegun = false;
  let isSettled = false;
  let answer: { status: number; headers: Record<string, string>; isCompressed: boolean } | null =
    null;
  const chunks: Buffer[] = [];
  let bytes = 0;

  const settle = (outcome: Outcome) => {
    if (isSettled) return;
    isSettled = true;
    clearTimeout(timer);
    stopped.removeEventListener("abort", stop);
    resolve(outcome);
  };
  /** Ends the connection. Further bytes from the server are not read. */
  const abandon = (outcome: Outcome) => {
    settle(outcome);
    controller?.abort(new Error("the request is over"));
  };
  const answered = (complete: boolean): Outcome | null =>
    answer && {
      kind: "answered",
      status: answer.status,
      headers: answer.headers,
      text: answer.isCompressed ? null : Buffer.concat(chunks).toString(),
      complete,
    };
  const end = (reason: StopReason) =>
    abandon(answered(false) ?? (isBegun ? noAnswer(reason) : notSent(reason)));
  const stop = () => end(stopped.reason as StopReason);
  const endIn = (ms: number) => {
    clearTimeout(timer);
    timer = setTimeout(() => end("deadline"), ms);
  };

  stopped.addEventListener("abort", stop, { once: true });
  dispatcher.dispatch(
    {
      origin,
      path,
      method: request.method as Dispatcher.HttpMethod,
      headers: { ...request.headers, "accept-encoding": "identity" },
      body: request.body ?? null,
    },
    {
      onRequestStart(started) {
        controller = started;
        // A second start would write the request again, although the first copy may have arrived.
        if (isBegun) return abandon(noAnswer("cut"));
        if (isSettled) return started.abort(new Error("the request is over"));
        if (request.begin && !request.begin()) {
          settle(notSent("withheld"));
          // Unlike an abort, this leaves the connection as it is, for nothing was written to it.
          throw new Error("the request is withheld");
        }
        isBegun = true;
        endIn(limits.headersMs);
      },
      onResponseStart(_, status, headers) {
        // Interim answers, such as 103: the final one follows.
        if (status < 200) return;
        const wanted = (request.wantedHeaders ?? []).map(
          (name) => [name, headers[name]?.toString()] as const,
        );
        answer = {
          status,
          headers: Object.fromEntries(
            wanted.filter((pair): pair is [string, string] => pair[1] !== undefined),
          ),
          isCompressed: !["", "identity"].includes(headers["content-encoding"]?.toString() ?? ""),
        };
        endIn(limits.bodyMs);
      },
      onResponseData(_, chunk) {
        if (isSettled) return;
        chunks.push(chunk.subarray(0, limits.maxAnswerBytes - bytes));
        bytes += chunk.length;
        if (bytes > limits.maxAnswerBytes) abandon(answered(false)!);
      },
      onResponseEnd() {
        settle(answered(true)!);
      },
      onResponseError(_, error) {
        settle(answered(false) ?? (isBegun ? silenceAfter(error) : obstacleOf(error)));
      },
    },
  );
  return promise;
}

function silenceAfter(error: NodeJS.ErrnoException): Outcome {
  const isMalformed =
    error instanceof errors.HTTPParserError || error instanceof errors.HeadersOverflowError;
  return noAnswer(isMalformed ? "malformed" : "cut", error.code);
}

function obstacleOf(error: NodeJS.ErrnoException): Outcome {
  if (error instanceof ConnectionFault) return error.outcome;
  if (error instanceof errors.InvalidArgumentError || error instanceof errors.NotSupportedError)
    return refused("request");
  return notSent("connect", error.code);
}

function withResolvers<Value>() {
  let resolve!: (value: Value) => void;
  const promise = new Promise<Value>((settle) => (resolve = settle));
  return { promise, resolve };
}
