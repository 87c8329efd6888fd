import { adoptClocks, type ClockChoice } from "../../config/clocks.ts";
import {
  checkContent,
  type EmailBody,
  emailScope,
  type Fault,
  type RecipientScope,
  renderEmail,
  type TemplateContent,
  TemplateError,
} from "../../domain/templates/template.ts";
import {
  compileVariables,
  type TemplateVariables,
} from "../../domain/templates/template-variables.ts";

/** A task for the rendering thread. */
export type RenderingTask =
  | { kind: "check"; content: TemplateContent }
  | {
      kind: "preview";
      content: unknown;
      variables: unknown;
      recipient: RecipientScope;
      /** JSON text, which is passed to a thread at a fraction of the cost of an object. */
      data: string;
      clocks: ClockChoice;
    };

export type RenderingResult =
  | { kind: "checked"; faults: Fault[] }
  | { kind: "rendered"; message: Record<EmailBody, string> }
  /** The data do not fit the variables. */
  | { kind: "unfit"; faults: Fault[] }
  | { kind: "fault"; fault: string; isBeyondLimit: boolean };

/** Checks or renders a template in a thread. */
export default function renderInThread(task: RenderingTask): RenderingResult {
  if (task.kind === "check") return { kind: "checked", faults: checkContent(task.content) };
  adoptClocks(task.clocks);
  const data = JSON.parse(task.data) as Record<string, unknown>;
  const faults = compileVariables(task.variables as TemplateVariables)(data);
  if (faults.length > 0) return { kind: "unfit", faults };
  try {
    const scope = emailScope(task.recipient, data);
    return { kind: "rendered", message: renderEmail(task.content as TemplateContent, scope) };
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return { kind: "fault", fault: error.message, isBeyondLimit: error.isBeyondLimit };
  }
}
