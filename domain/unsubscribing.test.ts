import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createUnsubscribeTokens, findMailingList } from "./unsubscribing.ts";

const tokens = createUnsubscribeTokens(["a secret of thirty-two characters"]);

describe("tokens to unsubscribe", () => {
  it("of before there were topics stay valid", () => {
    const token =
      "2gEBmfHEW35_OowdKmt8jZ4BAZnxxFt-fzqMHSprfI2eAgGZ8cRbfn86jB0qa3yNng_NLJkay7S1MDNW";
    expect(tokens.verify(token)).toEqual({
      recipientId: "0199f1c4-5b7e-7f3a-8c1d-2a6b7c8d9e01",
      typeId: "0199f1c4-5b7e-7f3a-8c1d-2a6b7c8d9e0f",
      topicId: null,
      message: { delivery: "0199f1c4-5b7e-7f3a-8c1d-2a6b7c8d9e02" },
    });
  });

  it("give back the recipient, the message and the scope, and nothing else is in them", () => {
    const uuid = fc.uuid();
    const message = fc.oneof(
      uuid.map((delivery) => ({ delivery })),
      uuid.map((group) => ({ group })),
    );
    fc.assert(
      fc.property(
        fc.record({
          recipientId: uuid,
          scope: fc.oneof(
            fc.constant({ typeId: null, topicId: null }),
            uuid.map((typeId) => ({ typeId, topicId: null })),
            uuid.map((topicId) => ({ typeId: null, topicId })),
          ),
          message,
        }),
        ({ scope, ...rest }) => {
          const unsubscription = { ...rest, ...scope };
          const token = tokens.sign(unsubscription);
          expect(token.length).toBeLessThanOrEqual(80);
          expect(tokens.verify(token)).toEqual(unsubscription);
        },
      ),
    );
  });
});

describe("findMailingList", () => {
  const type = { id: "0199f1c4-5b7e-7f3a-8c1d-2a6b7c8d9e0f", key: "team.news", mandatory: false };
  const topic = { id: "0199f1c4-5b7e-7f3a-8c1d-2a6b7c8d9e10", key: "newsletter" };
  const single = {
    type,
    topic: null,
    isOfCampaign: false,
    group: null,
    priority: "normal",
  } as const;

  it.each([
    ["a message of a type", single, { name: "team.news", typeId: type.id, topicId: null }],
    [
      "a batch of a type",
      { ...single, group: "batch" },
      { name: "team.news", typeId: type.id, topicId: null },
    ],
    ["a digest", { ...single, group: "digest" }, { name: "digests", typeId: null, topicId: null }],
    [
      "a campaign without a type",
      { ...single, type: null, isOfCampaign: true },
      { name: "campaigns", typeId: null, topicId: null },
    ],
    [
      "a campaign with a topic",
      { ...single, topic, isOfCampaign: true },
      { name: "newsletter", typeId: null, topicId: topic.id },
    ],
    ["a single message without a type", { ...single, type: null }, null],
    ["a message of a mandatory type", { ...single, type: { ...type, mandatory: true } }, null],
    ["a critical message", { ...single, priority: "critical" }, null],
  ] as const)("finds the list of %s", (_, message, list) => {
    expect(findMailingList(message)).toEqual(list);
  });
});
