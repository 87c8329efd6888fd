import { expect, it } from "vitest";
import { findSeriousFaults } from "../support/console-pages.ts";
import { lookAtPlaces } from "../support/console-places.ts";

const world = lookAtPlaces(1280);

it("signing in: no serious fault", async () => {
  const page = await world.visit("");
  await page.getByLabel("API key").waitFor();
  expect(await findSeriousFaults(page)).toEqual([]);
});
