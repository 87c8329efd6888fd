/** What holds for all operations, in Markdown: the description of the OpenAPI document. */
export const guide = `
Notifies people, durably. A request that is answered with success is committed first, and its messages are sent when they are due, whatever fails meanwhile.

## Keys and roles

Send an API key as \`Authorization: Bearer …\`. A key has a role: \`metrics\` reads \`/metrics\`, \`viewer\` reads and previews, \`sender\` also sends and changes
things, and \`admin\` also manages keys, edits the policy and notification types, erases recipients, removes suppressions and reads the audit trail. \`x-tidings-role\` names
the least role for each operation, and \`x-tidings-scope\` its scope, such as \`notifications:write\`. A key that is limited to scopes can use only operations of these scopes. Operations with \`recipient\` there take a recipient's token instead, sent in the same way:
a token is signed here, expires, and gives access to that recipient's own data only. \`/healthz\`, \`/readyz\`, this document and \`/docs\`, to which \`/\` redirects, need no key.

## Bodies

Bodies are JSON in UTF-8, as \`application/json\`. Only imports take streams of lines, and other character sets, which their operations describe. Unknown
fields and parameters are refused. So are a number that a double cannot hold exactly and a name that occurs twice in an object (I-JSON, RFC 7493); the problem
names the place. Bodies are sent without Content-Encoding. Strings may not contain U+0000 or half of a surrogate pair. Times are ISO 8601 with an offset, between
the years 2000 and 2100. The \`Accept\` of a request is ignored, except by the links in messages: each other operation has one form of answer, and problems have theirs.

## Lists

Every list is a page: \`{ items, nextCursor }\`. \`limit\` (1 to 200) is the size of a page, which may have fewer items where
they are long. Send \`nextCursor\` as \`cursor\`, with the same \`sort\` and filters, to get the next page, until it is null. The order is stable: no item is skipped or
repeated when rows are added or removed. \`sort\` names a field; a minus before it reverses the order. Filters are query parameters, joined
by *and*; where several values are allowed, they are separated by commas and joined by *or*.

## Repeating a request

A POST that honours \`Idempotency-Key\` (1 to 255 visible ASCII characters of your choice, for instance a UUID; in double quotes, as a string of
RFC 9651, it is the same key) has its effect
once, however often it is sent with the same key and body: later answers repeat the first one, with
\`Idempotency-Replayed: true\`. While the first request is running, the answer is 409 with \`Retry-After\`; with another body,
path or query it is 422. A request that ended in a problem leaves its key unused. A repeated answer is the first body and has no
\`ETag\`, since the resource may have changed since. PUT and DELETE may be repeated without a key.

## Concurrent edits

Resources that can be edited have an \`ETag\`. Send it as \`If-Match\` with the change: 412 means that somebody else changed the resource first, and contains the new
\`ETag\`; without \`If-Match\` the answer is 428. So a change that is sent twice is made once. Only preferences may be changed without
it, because a patch of one preference means the same whatever the others are.

## Limits

Each key may send a limited number of requests a minute: \`RateLimit\` and \`RateLimit-Policy\` show the current state, and beyond the limit the answer is 429
with \`Retry-After\`. The answer is also 429 when too many accepted deliveries are due and unsent (\`too-many-unsent\`), or scheduled or held for later
(\`too-many-scheduled\`), in all or for one recipient; nothing of the request was accepted then. One key cannot use all of either limit, and
\`Retry-After\` estimates when there will be room. A body above the size limit is answered with 413, and one that arrives too slowly with 408. A limited number of
requests of each kind is under way at once, by turns between callers. A caller with too many of one kind gets 429; if all callers together have too many, the answer
is 503 (\`overloaded\`). Both have \`Retry-After\`, and nothing of the request was done.

## Problems

Every error is a problem of RFC 9457, as \`application/problem+json\`. \`type\` identifies the kind of problem, \`detail\`
says what to do, and \`errors\` lists the faults of the request with their places: at most 100, and \`moreErrors\` is the number of further ones. \`requestId\` is also the header \`X-Request-Id\`: send your
own to find a request again in logs, in the audit trail and on what it created. An unknown path is 404, a method that its path
does not have is 405 with \`Allow\`, and an unknown or malformed id is 404. 503 with \`Retry-After\` is temporary.

HEAD is answered wherever GET is, without the body; OPTIONS with \`Allow\`.
`.trim();
