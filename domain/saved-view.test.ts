import { describe, expect, it } from "vitest";
import { newUuid, publicId } from "./ids.ts";
import { viewPath } from "./saved-view.ts";

const campaign = publicId("campaign", newUuid());
const recipient = publicId("recipient", newUuid());

describe("the address of a saved view", () => {
  it.each([
    "/",
    "/deliveries",
    "/deliveries?status=failed,unknown&channel=email&tz=utc",
    `/campaigns/${campaign}?tab=recall`,
    `/deliveries?recipient=${recipient}&from=2027-03-01T09:00:00.000Z`,
    "/templates/order-shipped",
    "/deliveries?queue=mailbox:3&type=task.deadline",
  ])("may be %s", (path) => {
    expect(viewPath.safeParse(path).success).toBe(true);
  });

  it.each([
    "",
    "deliveries",
    "//evil.example/deliveries",
    "/\\evil.example",
    "https://evil.example/",
    "/deliveries#code=k.secret",
    "/recipients?q=ada@example.org",
    "/recipients?q=ada%40example.org",
    "/recipients?q=%2B49301234567",
    "/recipients?q=49301234567",
    "/recipients?q=Ada%20Lovelace",
    "/recipients/ada@example.org",
    "/../v1/api-keys",
    "/deliveries?status=%00",
    "/deliveries?<b>=1",
    "javascript:alert(1)",
    `/deliveries?q=${"a".repeat(101)}`,
  ])("must not be %s", (path) => {
    expect(viewPath.safeParse(path).success).toBe(false);
  });
});
