import { expect, it } from "vitest";
import { typeDefinition } from "./notification-type.ts";
import { showType } from "./public-texts.ts";

const type = typeDefinition.parse({
  name: "task.deadline (v2)",
  public: {
    name: "Deadlines",
    group: "Your tasks",
    locales: {
      de: { name: "Fristen", description: "Einen Tag vorher" },
      "de-CH": { description: "Ein Tag vorher" },
    },
  },
});

it("shows a type by its public texts, each in the most specific language that has it", () => {
  const shared = { mandatoryReason: null, isListed: true, group: "Your tasks" };
  expect(showType(type, "de-CH")).toEqual({
    ...shared,
    name: "Fristen",
    description: "Ein Tag vorher",
  });
  expect(showType(type, "de-AT")).toMatchObject({
    name: "Fristen",
    description: "Einen Tag vorher",
  });
  expect(showType(type, "fr")).toEqual({ ...shared, name: "Deadlines", description: null });
});

it("shows a type without public texts by its name", () => {
  expect(showType(typeDefinition.parse({ name: "News" }), "en")).toEqual({
    name: "News",
    description: null,
    group: null,
    mandatoryReason: null,
    isListed: true,
  });
  const hidden = typeDefinition.parse({ name: "News", public: { isListed: false } });
  expect(showType(hidden, "en").isListed).toBe(false);
});
