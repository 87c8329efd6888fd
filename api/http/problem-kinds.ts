/** Each kind of problem: its status, and what it is called. */
export const problemTitles = {
  "malformed-json": [400, "The body is not JSON"],
  "malformed-body": [400, "The body cannot be read"],
  unauthorized: [401, "The API key or token is missing or wrong"],
  forbidden: [403, "The API key may not do this"],
  "not-found": [404, "There is no such thing"],
  "method-not-allowed": [405, "The method is not allowed here"],
  "too-slow": [408, "The request took too long to arrive"],
  conflict: [409, "The request conflicts with the state of things"],
  "request-running": [409, "A request with this Idempotency-Key is still running"],
  gone: [410, "It has been erased"],
  expired: [410, "It is too old"],
  changed: [412, "It has been changed since it was read"],
  "body-too-large": [413, "The body is too large"],
  "unsupported-media-type": [415, "The content type is not supported here"],
  misdirected: [421, "The request is meant for another host"],
  invalid: [422, "The request has faults"],
  "key-reused": [422, "The Idempotency-Key was used for another request"],
  "if-match-required": [428, "The request must say what it is a change of"],
  "too-many-requests": [429, "There have been too many requests"],
  "too-many-unsent": [429, "Too much is waiting to be sent"],
  "too-many-scheduled": [429, "Too much is scheduled or held for later"],
  internal: [500, "Something went wrong here"],
  overloaded: [503, "Too much is under way"],
  unavailable: [503, "The service is not available right now"],
} as const satisfies Record<string, [number, string]>;

export type ProblemKind = keyof typeof problemTitles;

/** Every kind of problem, for the OpenAPI document. */
export const problemKinds = Object.entries(problemTitles).map(([kind, [status, title]]) => ({
  kind: kind as ProblemKind,
  status,
  title,
}));
