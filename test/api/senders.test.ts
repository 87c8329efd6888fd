import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCampaignWorker } from "../support/campaign-worker.ts";
import { type Api, sampleTemplate, seed, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 2);
});
afterAll(() => api.stop());

const foreign = { fromAddress: "ceo@elsewhere.example" };
const refused = (field: string) => ({
  status: 422,
  body: {
    errors: [
      {
        field,
        message: "must be at example.org: MAIL_FROM_DOMAINS allows further domains",
      },
    ],
  },
});
const content = (email: object) => ({
  email: { ...sampleTemplate.content.email, ...email },
});
const campaign = (more: object = {}) => ({
  name: "c",
  template: { key: sampleTemplate.key },
  data: { order: "1" },
  audience: { all: true },
  ...more,
});

describe("a sender at a domain that is not the installation's", () => {
  it("is refused wherever it can be given", async () => {
    const { send } = api;
    expect(
      await send("POST", "/v1/templates", {
        ...sampleTemplate,
        key: "foreign",
        content: content(foreign),
      }),
    ).toMatchObject(refused("/content/email/fromAddress"));
    expect(
      await send("POST", `/v1/templates/${sampleTemplate.key}/versions`, {
        content: content(foreign),
        variables: sampleTemplate.variables,
      }),
    ).toMatchObject(refused("/content/email/fromAddress"));
    expect(await send("POST", "/v1/campaigns", campaign({ email: foreign }))).toMatchObject(
      refused("/email/fromAddress"),
    );
    const made = await send("POST", "/v1/campaigns", campaign());
    expect(
      await send(
        "PATCH",
        `/v1/campaigns/${made.body.id}`,
        { email: foreign },
        {
          "if-match": "*",
        },
      ),
    ).toMatchObject(refused("/email/fromAddress"));
    expect(
      await send("POST", "/v1/notification-types", {
        key: "foreign",
        name: "Foreign",
        email: foreign,
      }),
    ).toMatchObject(refused("/email/fromAddress"));
  });
});

describe("the sender of messages", () => {
  it("is what the campaign says, before the template, before the type", async () => {
    const { send } = api;
    await send("POST", "/v1/notification-types", {
      key: "shop",
      name: "Shop",
      email: { fromName: "Type", fromAddress: "type@example.org", replyTo: "type@example.org" },
    });
    await send("POST", "/v1/templates", {
      ...sampleTemplate,
      key: "signed",
      content: content({ fromName: "Template", fromAddress: "template@example.org" }),
    });
    const { body } = await send(
      "POST",
      "/v1/campaigns",
      campaign({ type: "shop", template: { key: "signed" }, email: { fromName: "Campaign" } }),
    );
    expect(body.email).toEqual({ fromName: "Campaign" });
    await send("POST", `/v1/campaigns/${body.id}/start`);
    const worker = createCampaignWorker(api.pool);
    await worker.run(body.id);
    expect(worker.requests.map(({ email }) => email)).toEqual([
      { fromName: "Campaign", fromAddress: "template@example.org", replyTo: "type@example.org" },
      { fromName: "Campaign", fromAddress: "template@example.org", replyTo: "type@example.org" },
    ]);
  });

  it("is the installation’s own by default", async () => {
    const { body } = await api.send("POST", "/v1/campaigns", campaign());
    await api.send("POST", `/v1/campaigns/${body.id}/start`);
    const worker = createCampaignWorker(api.pool);
    await worker.run(body.id);
    expect(worker.requests.map(({ email }) => email)).toEqual([null, null]);
  });
});
