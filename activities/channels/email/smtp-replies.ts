/** A server's answer to one command, or to the end of a message's content. */
export interface Reply {
  code: number;
  /** Every line with its code, joined by line feeds. */
  text: string;
}

export interface ReplyReader {
  /** Reads the next piece of the stream. Throws if the server does not speak SMTP, or never ends a reply. */
  read(chunk: Buffer): void;
  /** True while a reply has begun and not ended. */
  readonly partial: boolean;
}

/** Far more than any reply needs, and a bound on the memory that a reply without end takes. */
const maxReplyCharacters = 65_536;

/**
 * Assembles a server's replies (RFC 5321, 4.2) from the pieces of the stream, and calls `onReply` for each complete one. Blank
 * lines are skipped, since some servers send them before a reply.
 */
export function createReplyReader(onReply: (reply: Reply) => void): ReplyReader {
  let rest = "";
  /** The lines of a reply whose last line has not come. */
  let earlierLines = "";

  const readLine = (line: string) => {
    const code = parseCode(line);
    if (code === null) {
      if (line.trim() === "") return;
      throw new Error("the server sent a line that is not an SMTP reply");
    }
    // RFC 5321, 4.2.1: the code is the same on every line. A reply with different codes has no clear meaning.
    if (earlierLines !== "" && !earlierLines.startsWith(line.slice(0, 3)))
      throw new Error("the server sent a reply with different codes");
    const lines = earlierLines === "" ? line : `${earlierLines}\n${line}`;
    if (line.charCodeAt(3) === 0x2d) {
      earlierLines = lines;
    } else {
      earlierLines = "";
      onReply({ code, text: decodeText(lines) });
    }
  };

  return {
    read(chunk) {
      const data = rest === "" ? chunk.toString("latin1") : rest + chunk.toString("latin1");
      let start = 0;
      for (let end = data.indexOf("\n"); end >= 0; end = data.indexOf("\n", start)) {
        const line = data.slice(start, data.charCodeAt(end - 1) === 0x0d ? end - 1 : end);
        start = end + 1;
        readLine(line);
      }
      rest = data.slice(start);
      if (rest.length + earlierLines.length > maxReplyCharacters)
        throw new Error("the server sent a reply without an end");
    },
    get partial() {
      return earlierLines !== "" || (rest !== "" && rest.trim() !== "");
    },
  };
}

/** The code of a line, read digit by digit for speed, since each mail has four replies. */
function parseCode(line: string): number | null {
  const end = line.charCodeAt(3);
  if (line.length > 3 && end !== 0x20 && end !== 0x2d) return null;
  const [first, second, third] = [digitAt(line, 0), digitAt(line, 1), digitAt(line, 2)];
  if (!(first >= 2 && first <= 5 && second >= 0 && second <= 9 && third >= 0 && third <= 9))
    return null;
  return first * 100 + second * 10 + third;
}

/** The digit at `index`; outside 0 to 9, or NaN, if there is none. */
const digitAt = (text: string, index: number) => text.charCodeAt(index) - 0x30;

/** Replies are ASCII by the standard, and UTF-8 in practice. */
function decodeText(latin1: string): string {
  // oxlint-disable-next-line no-control-regex
  return /^[\x00-\x7f]*$/.test(latin1) ? latin1 : Buffer.from(latin1, "latin1").toString("utf8");
}
