/** An event of a stream, as its reader sees it. */
interface ReceivedEvent {
  event: string;
  id: string | undefined;
  // Tests look into events as a caller would: without our types.
  // oxlint-disable-next-line typescript/no-explicit-any
  data: any;
}

/** Collects the events of a response with Server-Sent Events. */
export function followEvents(response: Response) {
  const events: ReceivedEvent[] = [];
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  const state = { ended: false };
  void (async () => {
    let text = "";
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        text += value;
        const blocks = text.split("\n\n");
        text = blocks.pop()!;
        events.push(...blocks.flatMap(parseBlock));
      }
    } catch {
      // The connection was lost.
    }
    state.ended = true;
  })();
  return {
    events,
    named: (name: string) => events.filter(({ event }) => event === name),
    /** Whether the server has ended the stream. */
    hasEnded: () => state.ended,
    close: () => reader.cancel(),
  };
}

function parseBlock(block: string): ReceivedEvent[] {
  const fields = new Map(
    block.split("\n").map((line): [string, string] => {
      const at = line.indexOf(": ");
      return [line.slice(0, at), line.slice(at + 2)];
    }),
  );
  const event = fields.get("event");
  return event === undefined
    ? []
    : [{ event, id: fields.get("id"), data: JSON.parse(fields.get("data") ?? "null") }];
}
