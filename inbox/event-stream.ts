/** An event of a stream (WHATWG HTML, "Server-sent events"). */
export interface StreamEvent {
  type: string;
  data: string;
  /** The id that this event brought; null if it brought none. */
  id: string | null;
}

/** The longest event that is read, in characters. */
const maxEvent = 1_000_000;

/**
 * Makes a function that takes the text of a stream as it arrives and returns the events that are complete. Throws if an event is longer
 * than a million characters.
 */
export function createEventReader(): (text: string) => StreamEvent[] {
  let rest = "";
  let size = 0;
  let type = "";
  let data: string[] = [];
  let id: string | null = null;

  return (text) => {
    rest += text;
    const events: StreamEvent[] = [];
    // A carriage return at the end may be the first half of a line break, so it waits for the next text.
    for (let end; (end = /\r\n|\n|\r(?!$)/.exec(rest));) {
      const line = rest.slice(0, end.index);
      rest = rest.slice(end.index + end[0].length);
      size += line.length;
      if (line === "") {
        if (data.length > 0) events.push({ type: type || "message", data: data.join("\n"), id });
        type = "";
        data = [];
        id = null;
        size = 0;
        continue;
      }
      const [, field, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
      if (field === "event") type = value;
      else if (field === "data") data.push(value);
      else if (field === "id" && !value.includes("\0")) id = value;
    }
    if (size + rest.length > maxEvent) throw new RangeError("An event of the stream is too long.");
    return events;
  };
}
