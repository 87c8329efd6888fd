import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createCompactTokens } from "./compact-tokens.ts";

const secrets = ["a secret of thirty-two characters", "an older secret of the same length"];
const tokens = createCompactTokens(secrets, "unsubscribe");
const contents = fc.uint8Array({ minLength: 1, maxLength: 80 });

describe("compact tokens", () => {
  it("give back what was signed, with any of the secrets", () => {
    fc.assert(
      fc.property(contents, fc.constantFrom(...secrets), (content, secret) => {
        const token = createCompactTokens([secret], "unsubscribe").sign(content);
        expect(token).toMatch(/^[\w-]+$/);
        expect(tokens.verify(token)).toEqual(Buffer.from(content));
      }),
    );
  });

  it("are void after any change of one character", () => {
    fc.assert(
      fc.property(
        contents,
        fc.nat(),
        fc.constantFrom(..."abcXYZ019-_.=+/ é"),
        (content, at, other) => {
          const token = tokens.sign(content);
          const place = at % token.length;
          const changed = token.slice(0, place) + other + token.slice(place + 1);
          fc.pre(changed !== token);
          expect(tokens.verify(changed)).toBeNull();
        },
      ),
    );
  });

  it("are void with other secrets, cut, lengthened, or when they are no tokens at all", () => {
    const token = tokens.sign(Buffer.from("content"));
    expect(
      createCompactTokens(["another secret, as long as the others"], "unsubscribe").verify(token),
    ).toBeNull();
    for (const text of [
      "",
      "A",
      token.slice(1),
      token.slice(0, -1),
      `${token}A`,
      `${token}=`,
      ` ${token}`,
    ])
      expect(tokens.verify(text)).toBeNull();
  });
});
