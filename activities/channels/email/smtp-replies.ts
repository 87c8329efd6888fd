export interface Reply {
  code: number;
  /** Every line with its code, joined by line feeds. */
  text: string;
}

/** Far more than any reply, far less than a peer that never ends one could make us keep. */
const maxReplyCharacters = 65_536;

/**
 * Puts a server's replies (RFC 5321, 4.2) together from whatever pieces they come in. The function it returns takes a piece and calls
 * `onReply` for each whole reply; it throws where the server does not speak SMTP, or never ends a reply.
 */
export function createReplyReader(onReply: (reply: Reply) => void): (chunk: Buffer) => void {
  let rest = "";
  /** The lines of a reply whose last is still to come. */
  let earlier = "";

  return (chunk) => {
    const data = rest === "" ? chunk.toString("latin1") : rest + chunk.toString("latin1");
    let start = 0;
    for (let end = data.indexOf("\n"); end >= 0; end = data.indexOf("\n", start)) {
      const line = data.slice(start, data.charCodeAt(end - 1) === 0x0d ? end - 1 : end);
      start = end + 1;
      const code = replyCode(line);
      if (code === null) throw new Error("the server sent what is no SMTP reply");
      const whole = earlier === "" ? line : `${earlier}\n${line}`;
      if (line.charCodeAt(3) === 0x2d) {
        earlier = whole;
      } else {
        earlier = "";
        onReply({ code, text: decoded(whole) });
      }
    }
    rest = data.slice(start);
    if (rest.length + earlier.length > maxReplyCharacters)
      throw new Error("the server sent a reply without end");
  };
}

function replyCode(line: string): number | null {
  return /^[2-5]\d\d(?:[ -]|$)/.test(line) ? Number(line.slice(0, 3)) : null;
}

/** Replies are ASCII by the book and UTF-8 in practice. */
function decoded(latin1: string): string {
  // oxlint-disable-next-line no-control-regex
  return /^[\x00-\x7f]*$/.test(latin1) ? latin1 : Buffer.from(latin1, "latin1").toString("utf8");
}
