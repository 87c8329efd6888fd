import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { newUuid, publicId } from "../../domain/ids.ts";
import { deliveryStatuses } from "../../domain/delivery/status.ts";
import { reasons } from "../../domain/delivery/reasons.ts";
import { readCampaignSearch } from "../campaigns/search.ts";
import {
  countFilters,
  type DeliverySearch,
  readDeliverySearch,
  toDeliveryQuery,
  toWhere,
} from "../deliveries/search.ts";
import { parseSearch, prefixOf, stringifySearch } from "./url.ts";

const id = (kind: "campaign" | "notification" | "recipient" | "delivery" | "group") =>
  publicId(kind, newUuid());
const countedAt = "2027-03-01T09:00:00.000Z";

describe("the address of the deliveries", () => {
  it("is read as it was written", () => {
    const anySearch = fc.record<DeliverySearch>(
      {
        status: fc.subarray([...deliveryStatuses], { minLength: 1 }),
        reason: fc.subarray([...reasons], { minLength: 1 }),
        type: fc.constantFrom("task.deadline", "a-b_c"),
        source: fc.constantFrom(id("campaign"), id("notification")),
        recipient: fc.constant(id("recipient")),
        queue: fc.constantFrom("mailbox/3", "campaign/lane/0"),
        from: fc.constant(countedAt),
        order: fc.constant("oldest"),
        cursor: fc.string({ minLength: 1, maxLength: 200 }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(anySearch, (search) => {
        const query = stringifySearch({ ...search });
        expect(readDeliverySearch(parseSearch(query))).toEqual(search);
      }),
    );
  });

  it("takes any text, and keeps only what is valid", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.string()), (raw) => {
        expect(countFilters(readDeliverySearch(raw))).toBeLessThan(12);
      }),
    );
    expect(
      readDeliverySearch({
        status: "failed,nonsense",
        reason: "nonsense",
        recipient: "ada@example.org",
        source: "dlv_01jd3v8qyee7fr8xmcsnh5hbcd",
        from: "yesterday",
        order: "random",
      }),
    ).toEqual({ status: ["failed"] });
    expect(readCampaignSearch({ status: "running,gone" })).toEqual({ status: ["running"] });
  });

  it("is short: lists have commas, and what is not set is not there", () => {
    expect(stringifySearch({ status: ["failed", "unknown"], type: undefined })).toBe(
      "?status=failed,unknown",
    );
    expect(stringifySearch({})).toBe("");
  });

  it("becomes the same filters for the list and for a change of all that match", () => {
    const [campaign, notification, recipient] = [
      id("campaign"),
      id("notification"),
      id("recipient"),
    ];
    const search: DeliverySearch = { status: ["failed"], source: campaign, recipient };
    expect(toDeliveryQuery({ ...search, order: "oldest", cursor: "c" })).toEqual({
      status: "failed",
      campaign,
      recipient,
      sort: "createdAt",
      cursor: "c",
    });
    expect(toWhere({ ...search, order: "oldest", cursor: "c" }, countedAt)).toEqual({
      status: ["failed"],
      campaign,
      recipient,
      createdBefore: countedAt,
    });
    expect(toWhere({ source: notification, before: "2026-01-01T00:00:00Z" }, countedAt)).toEqual({
      notification,
      createdBefore: "2026-01-01T00:00:00Z",
    });
  });
});

describe("a public id", () => {
  it("is known by its prefix", () => {
    expect(prefixOf(id("delivery"))).toBe("dlv");
    expect(prefixOf(id("group"))).toBe("grp");
    expect(prefixOf("dlv_short")).toBeUndefined();
    expect(prefixOf(` ${id("delivery")}`)).toBeUndefined();
  });
});
