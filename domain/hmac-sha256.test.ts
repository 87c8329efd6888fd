import { createHmac } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import { createHmacSha256 } from "./hmac-sha256.ts";

it("is the HMAC of Node for any key of at most a block and any contents, one after the other", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 64 }),
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }),
      (key, contents) => {
        const macOf = createHmacSha256(key);
        for (const content of contents)
          for (const length of [content.length, content.length >> 1])
            expect(macOf(content, length)).toBe(
              createHmac("sha256", key)
                .update(content.subarray(0, length))
                .digest()
                .toString("latin1"),
            );
      },
    ),
  );
});

it("refuses a longer key, which would have to be hashed first", () => {
  expect(() => createHmacSha256(new Uint8Array(65))).toThrow(RangeError);
});
