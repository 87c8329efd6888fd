import { describe, expect, it } from "vitest";
import { arrange, railGroups } from "./rail-groups.ts";
import { screens } from "./screens.ts";

describe("the groups of the rail", () => {
  it("have each screen once, and leave out what has neither a screen nor a reference", () => {
    const places = railGroups.flatMap((group) => group.places);
    for (const { name } of screens)
      expect(places.filter((place) => place.name === name)).toHaveLength(1);
    expect(new Set(places.map(({ name }) => name)).size).toBe(places.length);
    expect(arrange([]).flatMap((group) => group.places.map(({ name }) => name))).toEqual([
      "Segments",
      "Types",
      "Policy",
      "Suppressions",
      "Data",
    ]);
  });

  it("show a screen that they do not know at the end", () => {
    const unknown = { to: "/", name: "Weather", icon: "sun", key: "w" } as never;
    expect(arrange([unknown]).at(-1)!.places.at(-1)).toBe(unknown);
  });
});
