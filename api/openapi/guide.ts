/** What applies to all operations, in Markdown: the description of the OpenAPI document. */
export const guide = `
Tidings notifies people, durably. It commits a request before it responds with success, and sends the messages when they are due, whatever fails in between.

## Keys and roles

Send an API key as \`Authorization: Bearer …\`. A key has a role: \`metrics\` reads \`/metrics\`, \`viewer\` reads and previews, \`sender\` also sends and changes
things, and \`admin\` also manages keys, edits the policy and notification types, erases recipients, removes suppressions and reads the audit trail. \`x-tidings-role\` names
the least role for each operation, and \`x-tidings-scope\` its scope, such as \`notifications:write\`. A key that is limited to scopes can use only operations of these scopes.

A browser that is signed in to the console (\`POST /v1/session\`) sends a cookie in place of a key. It counts only for pages of the same origin, and a change also needs the header
\`X-Tidings-Console: 1\` and a JSON body; otherwise the response is 403.

Operations whose \`x-tidings-role\` is \`recipient\` take a recipient's token instead of a key, in the same header. Tidings signs the token, which expires and gives access to that
recipient's own data only. \`/healthz\`, \`/readyz\`, this document, \`/docs\` and the pages of the console need no key.

## Bodies

Bodies are JSON in UTF-8, sent as \`application/json\`. Only imports take streams of lines, and other character sets, which their operations describe. Unknown
fields and parameters are refused. So are a number that a double cannot represent exactly and a name that occurs twice in an object (I-JSON, RFC 7493); the problem
names the place. Send bodies without Content-Encoding. Strings may not contain U+0000 or half of a surrogate pair. Times are ISO 8601 with an offset, between
the years 2000 and 2100. The \`Accept\` header of a request is ignored, except by the links in messages: every other operation has one content type for its responses, and
problems have their own.

## Lists

Every list is a page: \`{ items, nextCursor }\`. \`limit\` (1 to 200) is the size of a page, which may have fewer items if
they are long. To get the next page, send \`nextCursor\` as \`cursor\`, with the same \`sort\` and filters, until it is null. The order is stable: no item is skipped or
repeated when rows are added or removed. \`sort\` names a field; a minus sign before it reverses the order. Filters are query parameters, joined
by *and*. Where several values are allowed, separate them by commas; they are joined by *or*.

## Repeating a request

A POST that honours \`Idempotency-Key\` has its effect once, however often you send it with the same key and body: later responses repeat the first one, with
\`Idempotency-Replayed: true\`. A key is 1 to 255 visible ASCII characters of your choice, for instance a UUID. In double quotes, as a string of RFC 9651, it is the same key.
While the first request is running, the response is 409 with \`Retry-After\`; with another body,
path or query it is 422. A request that ended in a problem leaves its key unused. A repeated response has the first body and no
\`ETag\`, because the resource may have changed since. PUT and DELETE may be repeated without a key.

## Concurrent edits

Resources that can be edited have an \`ETag\`. Send it as \`If-Match\` with the change. The response is 412, with the new \`ETag\`, if somebody else changed the resource first,
and 428 without \`If-Match\`. As a result, a change that is sent twice is made once. Only preferences may be changed without
\`If-Match\`, because a patch of one preference means the same whatever the others are.

## Limits

Each key may send a limited number of requests a minute. \`RateLimit\` and \`RateLimit-Policy\` show the current state, and beyond the limit the response is 429
with \`Retry-After\`. The response is also 429 when too many accepted deliveries are due and unsent (\`too-many-unsent\`), or scheduled or held for later
(\`too-many-scheduled\`), in total or for one recipient; then no part of the request is accepted. One key cannot use up either limit, and
\`Retry-After\` estimates when there will be room. A body above the size limit gets 413, and one that arrives too slowly gets 408.

The API processes a limited number of requests of each kind at once; the other requests wait, and callers take turns. A caller with too many of one kind gets 429; if all callers together have too many,
the response is 503 (\`overloaded\`). Both have \`Retry-After\`, and the request had no effect.

## Problems

Every error is a problem of RFC 9457, as \`application/problem+json\`. \`type\` identifies the kind of problem, \`detail\`
says what to do, and \`errors\` lists the errors of the request with their places: at most 100, and \`moreErrors\` is the number of further ones. \`requestId\` is the same as the header
\`X-Request-Id\`: send your own to find a request again in logs, in the audit trail and on what it created. An unknown path gets 404, a method that its path
does not have gets 405 with \`Allow\`, and an unknown or malformed id gets 404. 503 with \`Retry-After\` is temporary.

HEAD works wherever GET does, without the body. OPTIONS responds with \`Allow\`.
`.trim();
