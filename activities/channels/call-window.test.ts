import fc from "fast-check";
import { expect, it } from "vitest";
import { CallWindow } from "./call-window.ts";

it("returns the share of failures among the latest calls within a time, and the number of failures in a row", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.record({ failed: fc.boolean(), afterMs: fc.nat(20) }), { maxLength: 40 }),
      (size, withinMs, calls) => {
        let now = 0;
        const window = new CallWindow(() => now);
        const made: { failed: boolean; at: number }[] = [];
        for (const { failed, afterMs } of calls) {
          now += afterMs;
          window.note(failed, size);
          made.push({ failed, at: now });
          const latest = made.slice(-size).filter(({ at }) => at >= now - withinMs);
          const failures = latest.filter((call) => call.failed).length;
          const lastSuccess = made.findLastIndex((call) => !call.failed);
          expect(window.read(withinMs)).toEqual({
            share: failures / latest.length,
            run: made.length - 1 - lastSuccess,
          });
        }
      },
    ),
  );
});

it("starts again when it is cleared or its size changes", () => {
  const window = new CallWindow(() => 0);
  window.note(true, 3);
  window.clear();
  expect(window.read(10)).toEqual({ share: 0, run: 0 });
  window.note(true, 3);
  window.note(false, 5);
  expect(window.read(10)).toEqual({ share: 0, run: 0 });
});
