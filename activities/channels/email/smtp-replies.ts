/** A server's answer to one command, or to the end of a message's content. */
export interface Reply {
  code: number;
  /** Every line with its code, joined by line feeds. */
  text: string;
}

export interface ReplyReader {
  /** Takes the next piece of the stream. Throws where the server does not speak SMTP, or never ends a reply. */
  read(chunk: Buffer): void;
  /** Whether a reply has begun and its end is still to come. */
  readonly partial: boolean;
}

/** Far more than any reply, far less than a peer that never ends one could make us keep. */
const maxReplyCharacters = 65_536;

/**
 * Puts a server's replies (RFC 5321, 4.2) together from whatever pieces they come in, and calls `onReply` for each whole one. Blank
 * lines are skipped: servers are known to send them before a reply, and they answer nothing.
 */
export function createReplyReader(onReply: (reply: Reply) => void): ReplyReader {
  let rest = "";
  /** The lines of a reply whose last is still to come. */
  let earlier = "";

  const readLine = (line: string) => {
    const code = parseCode(line);
    if (code === null) {
      if (line.trim() === "") return;
      throw new Error("the server sent what is no SMTP reply");
    }
    // RFC 5321, 4.2.1: the code is the same on every line. Where it is not, no line says what is meant.
    if (earlier !== "" && !earlier.startsWith(line.slice(0, 3)))
      throw new Error("the server sent a reply of several codes");
    const whole = earlier === "" ? line : `${earlier}\n${line}`;
    if (line.charCodeAt(3) === 0x2d) {
      earlier = whole;
    } else {
      earlier = "";
      onReply({ code, text: decodeText(whole) });
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
      if (rest.length + earlier.length > maxReplyCharacters)
        throw new Error("the server sent a reply without end");
    },
    get partial() {
      return earlier !== "" || (rest !== "" && rest.trim() !== "");
    },
  };
}

/** Digit by digit, for it is done four times a mail. */
function parseCode(line: string): number | null {
  const end = line.charCodeAt(3);
  if (line.length > 3 && end !== 0x20 && end !== 0x2d) return null;
  const [first, second, third] = [digitAt(line, 0), digitAt(line, 1), digitAt(line, 2)];
  if (!(first >= 2 && first <= 5 && second >= 0 && second <= 9 && third >= 0 && third <= 9))
    return null;
  return first * 100 + second * 10 + third;
}

/** Beyond 0 to 9, or not a number, where there is no digit. */
const digitAt = (text: string, index: number) => text.charCodeAt(index) - 0x30;

/** Replies are ASCII by the book and UTF-8 in practice. */
function decodeText(latin1: string): string {
  // oxlint-disable-next-line no-control-regex
  return /^[\x00-\x7f]*$/.test(latin1) ? latin1 : Buffer.from(latin1, "latin1").toString("utf8");
}
