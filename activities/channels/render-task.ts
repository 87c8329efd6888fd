import { adoptClocks, type ClockChoice } from "../../config/clocks.ts";
import { TemplateError } from "../../domain/templates/template-error.ts";

/** The input of a thread that renders a message. */
export interface RenderTask<Parts> {
  parts: Parts;
  /** JSON, which reaches a thread at a fraction of the cost of an object. */
  data: string;
  /** The date of the message, in milliseconds since the epoch. */
  atMs: number;
  clocks: ClockChoice;
}

export type RenderedInThread<Message> =
  | { kind: "rendered"; message: Message }
  | { kind: "fault"; fault: string; isBeyondLimit: boolean };

/** Renders a message in a thread. */
export function renderTask<Parts, Message>(
  { parts, data, atMs, clocks }: RenderTask<Parts>,
  render: (parts: Parts & { data: Record<string, unknown> }, atMs: number) => Message,
): RenderedInThread<Message> {
  adoptClocks(clocks);
  try {
    const message = render({ ...parts, data: JSON.parse(data) as Record<string, unknown> }, atMs);
    return { kind: "rendered", message };
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return { kind: "fault", fault: error.message, isBeyondLimit: error.isBeyondLimit };
  }
}
