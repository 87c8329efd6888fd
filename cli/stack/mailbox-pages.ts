import { createServer, type Server } from "node:http";
import { isAllowedHost, loopbackHosts } from "../../lib/allowed-hosts.ts";

/** A message as the mailbox took it. */
export interface KeptMessage {
  /** Counts from 1 since the mailbox started. */
  number: number;
  at: string;
  from: string;
  to: string[];
  /** As it stands in the header, encoded words and all. */
  subject: string;
  raw: Buffer;
}

/**
 * `GET /` lists the newest messages first (HTML to a browser, else JSON), `GET /messages/:number` shows one as it came. It is only for
 * who asks for this machine by name: a page of somebody else, whose own name leads here, must not read messages.
 */
export function createPages(kept: readonly KeptMessage[]): Server {
  return createServer((request, response) => {
    const answer = (status: number, type: string, body: string | Buffer) =>
      response
        .writeHead(status, {
          "content-type": `${type}; charset=utf-8`,
          "x-content-type-options": "nosniff",
          "cache-control": "no-store",
          "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
        })
        .end(body);
    // A path may begin with two slashes, and is then no URL.
    const pathname = (request.url ?? "/").split("?", 1)[0]!;
    if (!isAllowedHost(loopbackHosts, request.headers.host ?? ""))
      return answer(421, "text/plain", "Ask for localhost: the mailbox is for this machine.\n");
    const number = /^\/messages\/(\d+)$/.exec(pathname)?.[1];
    const message = number && kept.find((candidate) => candidate.number === Number(number));
    if (message) answer(200, "text/plain", message.raw);
    else if (pathname !== "/")
      answer(404, "text/plain", "There is no such message, or not any more.\n");
    else if (request.headers.accept?.includes("text/html")) answer(200, "text/html", listing(kept));
    else answer(200, "application/json", JSON.stringify(newestFirst(kept)));
  });
}

function newestFirst(kept: readonly KeptMessage[]) {
  return kept.toReversed().map(({ raw, subject, ...message }) => ({
    ...message,
    subject: decodeWords(subject),
    bytes: raw.length,
  }));
}

function listing(kept: readonly KeptMessage[]): string {
  const rows = newestFirst(kept).map(
    ({ number, at, to, subject, bytes }) =>
      `<tr><td><a href="/messages/${number}">${number}</a><td>${escape(at)}<td>${escape(to.join(", "))}<td>${escape(subject)}<td>${bytes}`,
  );
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Mailbox</title>
<style>body{font:15px system-ui;margin:2rem}td,th{padding:.2rem .8rem .2rem 0;text-align:left}</style>
<h1>Mailbox</h1><p>${kept.length === 0 ? "No message yet." : `The newest ${kept.length} messages. Reload for more.`}</p>
<table><tr><th>#<th>Received<th>To<th>Subject<th>Bytes${rows.join("\n")}</table></html>`;
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);
}

/** RFC 2047, as far as UTF-8 goes. */
function decodeWords(text: string): string {
  return text
    .replaceAll(/\?=\s+=\?/g, "?==?")
    .replaceAll(/(?:=\?utf-8\?[bq]\?[^?]*\?=)+/gi, (words) =>
      Buffer.concat(
        [...words.matchAll(/=\?utf-8\?([bq])\?([^?]*)\?=/gi)].map(([, encoding, body = ""]) =>
          encoding?.toLowerCase() === "b"
            ? Buffer.from(body, "base64")
            : Buffer.from(
                body
                  .replaceAll("_", " ")
                  .replaceAll(/=([0-9a-f]{2})/gi, (_, hex: string) =>
                    String.fromCharCode(Number.parseInt(hex, 16)),
                  ),
                "latin1",
              ),
        ),
      ).toString("utf8"),
    );
}
