import type { Channel } from "../../domain/channel.ts";
import type { Priority } from "../../domain/priority.ts";
import type { api } from "../api/client.ts";
import { omitUndefined } from "../shell/url.ts";

/** The body of `POST /v1/notifications`. */
export type NotifyBody = Parameters<typeof api.v1.notifications.$post>[0]["json"];

/** The fields of the form. They are named as those of the body that they belong to. */
export interface NotifyValues {
  /** One recipient a line. */
  recipients: string;
  kind: "template" | "text";
  template: { key: string; version: string };
  data: Record<string, string>;
  content: { subject: string; body: string; url: string };
  type: string;
  /** An empty text: that of the type. */
  priority: Priority | "";
  /** None: the rules, the type or the policy choose. */
  channels: Channel[];
  /** A local time, as a field of the browser has it. */
  sendAt: string;
  dedupKey: string;
}

export const emptyValues: NotifyValues = {
  recipients: "",
  kind: "template",
  template: { key: "", version: "" },
  data: {},
  content: { subject: "", body: "", url: "" },
  type: "",
  priority: "",
  channels: [],
  sendAt: "",
  dedupKey: "",
};

/** A variable of a template, as its JSON Schema describes it. */
export interface Variable {
  name: string;
  isRequired: boolean;
  title?: string | undefined;
  description?: string | undefined;
  /** What the value is entered as. */
  input: "text" | "number" | "yes or no" | "choice" | "json";
  choices: readonly string[];
}

/** Lists the variables of a schema, each with the field that it is entered in. */
export function listVariables(schema: Record<string, unknown> | undefined): Variable[] {
  const properties = (schema?.["properties"] ?? {}) as Record<string, Record<string, unknown>>;
  const required = (schema?.["required"] ?? []) as string[];
  return Object.entries(properties).map(([name, { type, title, description, enum: values }]) => ({
    name,
    isRequired: required.includes(name),
    title: typeof title === "string" ? title : undefined,
    description: typeof description === "string" ? description : undefined,
    choices:
      Array.isArray(values) && values.every((each) => typeof each === "string") ? values : [],
    input:
      Array.isArray(values) && values.every((each) => typeof each === "string")
        ? "choice"
        : type === "string"
          ? "text"
          : type === "number" || type === "integer"
            ? "number"
            : type === "boolean"
              ? "yes or no"
              : "json",
  }));
}

/** Splits what was typed or pasted into recipients: one a line, or separated by commas or semicolons. Each is taken once. */
export const splitRecipients = (text: string): string[] => [
  ...new Set(
    text
      .split(/[\n,;\t]+/)
      .map((one) => one.trim())
      .filter((one) => one !== ""),
  ),
];

/** A value of the form that cannot be sent. */
export class UnreadableValue extends Error {
  /** The name of its field. */
  readonly field: string;

  constructor(field: string, message: string) {
    super(message);
    this.field = field;
  }
}

/**
 * Makes the body from the form. Fields without a value are left out, so that the API's defaults apply. Throws `UnreadableValue`.
 * @param toInstant reads a local time in the zone that the page shows
 */
export function toBody(
  values: NotifyValues,
  {
    variables,
    attachments,
    toInstant,
  }: {
    variables: readonly Variable[];
    /** The ids of uploaded files. */
    attachments: readonly string[];
    toInstant: (local: string) => string;
  },
): NotifyBody {
  const { template, content, type, priority, channels, sendAt, dedupKey } = values;
  const optional = (text: string) => (text.trim() === "" ? undefined : text.trim());
  const version = optional(template.version);
  const message =
    values.kind === "template"
      ? {
          template: {
            key: template.key,
            ...(version !== undefined && { version: Number(version) }),
          },
          data: Object.fromEntries(
            variables.flatMap((variable) => {
              const value = readValue(variable, values.data[variable.name] ?? "");
              return value === undefined ? [] : [[variable.name, value]];
            }),
          ),
        }
      : {
          content: omitUndefined({
            subject: content.subject,
            body: content.body,
            url: optional(content.url),
          }),
        };
  return {
    recipients: splitRecipients(values.recipients),
    ...message,
    ...omitUndefined({
      type: optional(type),
      priority: priority === "" ? undefined : priority,
      route: channels.length === 0 ? undefined : { stages: [{ via: channels }] },
      sendAt: sendAt === "" ? undefined : toInstant(sendAt),
      dedupKey: optional(dedupKey),
      attachments: attachments.length === 0 ? undefined : attachments.map((id) => ({ id })),
    }),
  } as NotifyBody;
}

/** Reads the value of a variable; undefined if its field is empty. */
function readValue({ name, input }: Variable, typed: string): unknown {
  if (typed === "") return undefined;
  const field = `data.${name}`;
  switch (input) {
    case "text":
    case "choice":
      return typed;
    case "yes or no":
      return typed === "yes";
    case "number": {
      const value = Number(typed);
      if (Number.isNaN(value)) throw new UnreadableValue(field, "must be a number");
      return value;
    }
    case "json":
      try {
        return JSON.parse(typed) as unknown;
      } catch {
        throw new UnreadableValue(field, 'must be JSON, such as ["one", "two"]');
      }
  }
}
