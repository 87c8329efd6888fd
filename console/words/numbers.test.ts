import { expect, it } from "vitest";
import { formatBytes } from "./numbers.ts";

it("formats bytes in the largest unit that fits", () => {
  const sizes = [0, 900, 1_536, 734_003_200, 5_905_580_032, 3_298_534_883_328];
  expect(sizes.map(formatBytes)).toEqual(["0 B", "900 B", "1.5 KB", "700 MB", "5.5 GB", "3.0 TB"]);
});
