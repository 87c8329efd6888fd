import { adoptClocks, type ClockChoice } from "../../config/clocks.ts";
import { checkContent } from "../../domain/templates/check-content.ts";
import type { TemplateContent } from "../../domain/templates/content.ts";
import type { ContentChannel } from "../../domain/templates/content-parts.ts";
import { type PreviewMessage, renderPreview } from "../../domain/templates/preview.ts";
import type { EmailAddresses, RecipientScope } from "../../domain/templates/template.ts";
import { type Fault, type Position, TemplateError } from "../../domain/templates/template-error.ts";
import {
  compileVariables,
  type TemplateVariables,
} from "../../domain/templates/template-variables.ts";

/** A task for the rendering thread. */
export type RenderingTask =
  | { kind: "check"; content: TemplateContent }
  | {
      kind: "preview";
      channel: ContentChannel;
      content: TemplateContent;
      variables: unknown;
      recipient: RecipientScope;
      /** The addresses in an email; undefined for examples. */
      addresses: EmailAddresses | undefined;
      /** JSON text, which is passed to a thread at a fraction of the cost of an object. */
      data: string;
      clocks: ClockChoice;
    };

export type RenderingResult =
  | { kind: "checked"; faults: Fault[] }
  | { kind: "rendered"; message: PreviewMessage }
  /** The data do not fit the variables. */
  | { kind: "unfit"; faults: Fault[] }
  | {
      kind: "fault";
      fault: string;
      /** The part of the message that cannot be rendered; null where that is not known. */
      part: string | null;
      isBeyondLimit: boolean;
      position: Position | null;
    };

/** Checks or renders a template in a thread. */
export default function renderInThread(task: RenderingTask): RenderingResult {
  if (task.kind === "check") return { kind: "checked", faults: checkContent(task.content) };
  adoptClocks(task.clocks);
  const data = JSON.parse(task.data) as Record<string, unknown>;
  const faults = compileVariables(task.variables as TemplateVariables)(data);
  if (faults.length > 0) return { kind: "unfit", faults };
  try {
    const { channel, content, recipient, addresses } = task;
    const message = renderPreview(channel, content, recipient, data, addresses);
    return { kind: "rendered", message };
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    const { message: fault, part, isBeyondLimit, position } = error;
    return { kind: "fault", fault, part, isBeyondLimit, position };
  }
}
