import { describe, expect, it } from "vitest";
import type { Campaign } from "../campaigns/queries.ts";
import { bodyOf, changesOf, type Draft, draftOf, emptyDraft, startOf } from "./draft.ts";

const campaign = {
  id: "cmp_01jd3v8qyee7fr8xmcsnh5hbcd",
  name: "Sale",
  status: "running",
  template: { key: "sale", version: 3 },
  audience: { include: ["pro"], where: { attribute: "age", atLeast: 18 }, exclude: ["staff"] },
  data: { discount: "20%" },
  type: null,
  priority: "normal",
  guarantee: "at_least_once",
  route: { stages: [{ via: ["push", "email"] }] },
  throttle: { perSecond: 50, burst: 7 },
  email: { fromName: "Shop" },
  attachments: [],
  tracking: { opens: false, clicks: true },
  utm: { source: "news", medium: "email", campaign: "sale" },
  startAt: "2027-10-31T01:30:12.345Z",
} as unknown as Campaign;

describe("the draft of a campaign", () => {
  it("changes nothing while nothing is edited", () => {
    for (const zone of ["UTC", "Europe/Berlin", "America/New_York"])
      expect(changesOf(draftOf(campaign, zone), campaign)).toEqual({});
  });

  it("shows the start by the clocks of a zone, also in an hour that comes twice", () => {
    const { timing } = draftOf(campaign, "Europe/Berlin");
    expect(timing).toEqual({
      kind: "at",
      local: "2027-10-31T02:30",
      zone: "Europe/Berlin",
      isSecond: true,
    });
    expect(startOf(timing)).toBe("2027-10-31T01:30:00.000Z");
  });

  it("changes the fields that were edited, and no others", () => {
    const draft: Draft = {
      ...draftOf(campaign, "UTC"),
      data: { discount: "25%" },
      throttle: "",
      timing: { kind: "at", local: "2027-11-01T09:00", zone: "UTC", isSecond: false },
    };
    expect(changesOf(draft, campaign)).toEqual({
      data: { discount: "25%" },
      throttle: null,
      startAt: "2027-11-01T09:00:00.000Z",
    });
  });

  it("has no body while it lacks a name, a template or an audience", () => {
    expect(bodyOf(emptyDraft)).toBeNull();
    const complete = { ...draftOf(campaign, "UTC"), throttle: "2.5" };
    expect(bodyOf(complete)).toMatchObject({
      audience: campaign.audience,
      throttle: { perSecond: 2.5 },
    });
    expect(bodyOf({ ...complete, name: " " })).toBeNull();
    const nobody = { isEverybody: false, include: [], exclude: ["staff"], where: null };
    expect(bodyOf({ ...complete, audience: nobody })).toBeNull();
  });
});
