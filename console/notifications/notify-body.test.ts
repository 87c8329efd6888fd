import { describe, expect, it } from "vitest";
import {
  emptyValues,
  listVariables,
  type NotifyValues,
  splitRecipients,
  toBody,
  UnreadableValue,
} from "./notify-body.ts";

const variables = listVariables({
  type: "object",
  properties: {
    order: { type: "string", title: "Order" },
    amount: { type: "number" },
    gift: { type: "boolean" },
    size: { enum: ["small", "large"] },
    lines: { type: "array", items: { type: "string" } },
  },
  required: ["order"],
});
const bodyOf = (values: Partial<NotifyValues>, attachments: string[] = []) =>
  toBody(
    { ...emptyValues, ...values },
    { variables, attachments, toInstant: (local) => `${local}:00Z` },
  );

it("splits what was pasted into recipients, each once", () => {
  expect(splitRecipients(" ada\nbob, carl;ada\n\n\tdora ")).toEqual(["ada", "bob", "carl", "dora"]);
});

it("has a field for each variable of the schema", () => {
  expect(variables.map(({ name, input, isRequired }) => [name, input, isRequired])).toEqual([
    ["order", "text", true],
    ["amount", "number", false],
    ["gift", "yes or no", false],
    ["size", "choice", false],
    ["lines", "json", false],
  ]);
  expect(listVariables(undefined)).toEqual([]);
});

describe("the body", () => {
  it("leaves out what has no value", () => {
    expect(bodyOf({ recipients: "ada", template: { key: "hello", version: "" } })).toEqual({
      recipients: ["ada"],
      template: { key: "hello" },
      data: {},
    });
  });

  it("has values of the types that the schema names", () => {
    const data = { order: "17", amount: "1.5", gift: "yes", size: "small", lines: '["a"]' };
    expect(
      bodyOf({ recipients: "ada", template: { key: "hello", version: "3" }, data }),
    ).toMatchObject({
      template: { key: "hello", version: 3 },
      data: { order: "17", amount: 1.5, gift: true, size: "small", lines: ["a"] },
    });
  });

  it("is a text without a template, with a route, a time and attachments", () => {
    expect(
      bodyOf(
        {
          recipients: "ada",
          kind: "text",
          content: { subject: "S", body: "B", url: "" },
          type: "task.deadline",
          priority: "high",
          channels: ["push", "email"],
          sendAt: "2027-03-01T09:00",
          dedupKey: "once",
        },
        ["att_1"],
      ),
    ).toEqual({
      recipients: ["ada"],
      content: { subject: "S", body: "B" },
      type: "task.deadline",
      priority: "high",
      route: { stages: [{ via: ["push", "email"] }] },
      sendAt: "2027-03-01T09:00:00Z",
      dedupKey: "once",
      attachments: [{ id: "att_1" }],
    });
  });

  it("names the field of a value that cannot be read", () => {
    const read = (data: Record<string, string>) => () =>
      bodyOf({ recipients: "ada", template: { key: "hello", version: "" }, data });
    expect(read({ lines: "a" })).toThrow(UnreadableValue);
    expect(read({ amount: "much" })).toThrow(expect.objectContaining({ field: "data.amount" }));
  });
});
