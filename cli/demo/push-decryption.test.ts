import { createECDH } from "node:crypto";
import { expect, it } from "vitest";
import { decryptPush } from "./push-decryption.ts";

it("decrypts the example of RFC 8291, appendix A", () => {
  const curve = createECDH("prime256v1");
  curve.setPrivateKey(Buffer.from("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94", "base64url"));
  const p256dh =
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
  expect(curve.getPublicKey("base64url")).toBe(p256dh);
  const body =
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
  const auth = "BTBZMqHH6r4Tts7J_aSIgg";
  expect(decryptPush(Buffer.from(body, "base64url"), { curve, p256dh, auth }).toString()).toBe(
    "When I grow up, I want to be a watermelon",
  );
});
