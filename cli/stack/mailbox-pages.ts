import { createServer, type Server } from "node:http";
import { isAllowedHost, loopbackHosts } from "../../lib/allowed-hosts.ts";

/** A message that the mailbox has accepted. */
export interface KeptMessage {
  /** The number of the message since the mailbox started, from 1. */
  number: number;
  at: string;
  from: string;
  to: string[];
  /** The raw header, with encoded words. */
  subject: string;
  raw: Buffer;
}

/**
 * `GET /` lists the newest messages first (HTML for a browser, otherwise JSON), and `GET /messages/:number` shows the raw message. Requests must
 * name this machine as the host: otherwise a web page whose own name resolves to this machine could read messages (DNS rebinding).
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
    // A path that begins with two slashes cannot be parsed as a URL.
    const pathname = (request.url ?? "/").split("?", 1)[0]!;
    if (!isAllowedHost(loopbackHosts, request.headers.host ?? ""))
      return answer(
        421,
        "text/plain",
        "Use the host name localhost: the mailbox is only for this machine.\n",
      );
    const number = /^\/messages\/(\d+)$/.exec(pathname)?.[1];
    const message = number && kept.find((candidate) => candidate.number === Number(number));
    if (message) answer(200, "text/plain", message.raw);
    else if (pathname !== "/")
      answer(404, "text/plain", "The message does not exist, or is no longer kept.\n");
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
<h1>Mailbox</h1><p>${kept.length === 0 ? "No messages yet." : `The newest ${kept.length} messages. Reload for newer ones.`}</p>
<table><tr><th>#<th>Received<th>To<th>Subject<th>Bytes${rows.join("\n")}</table></html>`;
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);
}

/** Decodes encoded words (RFC 2047) in UTF-8. */
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
