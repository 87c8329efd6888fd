/** What holds for all operations, in Markdown: the description of the OpenAPI document. */
export const guide = `
Tells people things, durably. What is accepted is committed before it is answered, and is sent in its time, whatever dies meanwhile.

## Keys and roles

Send an API key as \`Authorization: Bearer …\`. A key has a role: \`viewer\` reads and previews, \`sender\` also sends and changes
things, \`admin\` also manages keys, edits the policy and notification types, erases recipients, removes suppressions and reads the audit trail. \`x-tidings-role\` names
the least role of each operation. Operations that say \`recipient\` there take a recipient's token instead, sent the same way:
it is signed here, expires, and is good for what is that recipient's own. \`/healthz\`, \`/readyz\`, this document and \`/docs\`, to which \`/\` redirects, need no key.

## Bodies

JSON in UTF-8, as \`application/json\`; imports alone take streams of lines, and other character sets, which their operations describe. What is not known
in a body or a query is refused. So is a number that a double cannot hold exactly, and a name that stands twice in an object (I-JSON, RFC 7493): both
are named by their place. Bodies are sent as they are, without Content-Encoding. Strings may hold no U+0000 and no half of a surrogate pair. Instants are ISO 8601 with an offset, between
the years 2000 and 2100. The \`Accept\` of a request is not looked at, but where links in messages lead: each other operation has one form of answer, and problems have theirs.

## Lists

Every list is a page: \`{ items, nextCursor }\`. \`limit\` (1 to 200) is the size of a page, which may have fewer where
items are long; \`nextCursor\`, sent as \`cursor\`
with the same \`sort\` and filters, asks for the next, until it is null. The order is stable: nothing is passed over or
repeated when rows come and go. \`sort\` names a field, with a minus for the last first. Filters are plain parameters, joined
by *and*; where several values may be given, they are separated by commas and joined by *or*.

## Repeating a request

A POST that honours \`Idempotency-Key\` (1 to 255 visible ASCII characters, yours to choose, for instance a UUID; in double quotes, as a string of
RFC 9651, it is the same key) has its effect
once, however often it is sent with the same key and body: later answers are the first one again, with
\`Idempotency-Replayed: true\`. While the first is still running the answer is 409 with \`Retry-After\`; with another body,
path or query it is 422. Requests that ended in a problem leave no trace of their key. A repeated answer is the first body, and bears no
\`ETag\`: what it shows may have changed since. PUT and DELETE may be repeated as they are.

## Changing what others change

What can be edited bears an \`ETag\`. Send it as \`If-Match\` with the change: 412 means that somebody else was first, and has the new
\`ETag\`; without \`If-Match\` the answer is 428. So a change that is sent twice is made once. Preferences alone may be changed without
it: a patch of one wish means the same whatever the others are.

## Limits

Each key may make so many requests a minute: \`RateLimit\` and \`RateLimit-Policy\` say where it stands, and past the limit the answer is 429
with \`Retry-After\`. It is also 429 when too many accepted deliveries wait to be sent, in all or for one recipient: nothing of the
request was accepted then. Bodies above the limit are 413.

## Problems

Everything that is not the answer asked for is a problem of RFC 9457, as \`application/problem+json\`. \`type\` tells kinds apart, \`detail\`
says what to do, \`errors\` lists each fault of a request by its place. \`requestId\` is also the header \`X-Request-Id\`: send your
own to find a request again in logs, in the audit trail and on what it made. A path that does not exist is 404, a method that its path
does not have is 405 with \`Allow\`, an id that nothing has, or that is none, is 404. 503 with \`Retry-After\` passes by itself.

HEAD is answered wherever GET is, without the body; OPTIONS with \`Allow\`.
`.trim();
