/** The status and the title of each kind of problem. */
export const problemTitles = {
  "malformed-json": [400, "The body is not JSON"],
  "malformed-body": [400, "The body cannot be read"],
  unauthorized: [401, "The API key, token or session is missing or wrong"],
  forbidden: [403, "The caller may not do this"],
  "proof-required": [403, "The person has to prove who they are"],
  "not-found": [404, "The resource does not exist"],
  "method-not-allowed": [405, "The method is not allowed here"],
  "too-slow": [408, "The request took too long to arrive"],
  conflict: [409, "The request conflicts with the current state of the resource"],
  "request-running": [409, "A request with this Idempotency-Key is still running"],
  gone: [410, "The recipient has been erased"],
  expired: [410, "The link is no longer valid"],
  changed: [412, "The resource has been changed since it was read"],
  "body-too-large": [413, "The body is too large"],
  "unsupported-media-type": [415, "The content type is not supported here"],
  misdirected: [421, "The request is meant for another host"],
  invalid: [422, "The request is not valid"],
  "key-reused": [422, "The Idempotency-Key was used for another request"],
  "if-match-required": [428, "The request needs an If-Match header"],
  "too-many-requests": [429, "The caller sends too many requests"],
  "too-many-unsent": [429, "Too many deliveries are waiting to be sent"],
  "too-many-scheduled": [429, "Too many deliveries are scheduled or held for later"],
  internal: [500, "An internal error occurred"],
  overloaded: [503, "Too many requests are in progress"],
  unavailable: [503, "The service is not available right now"],
} as const satisfies Record<string, [number, string]>;

export type ProblemKind = keyof typeof problemTitles;

/** Every kind of problem, for the OpenAPI document. */
export const problemKinds = Object.entries(problemTitles).map(([kind, [status, title]]) => ({
  kind: kind as ProblemKind,
  status,
  title,
}));
