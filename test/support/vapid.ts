import { errors, importJWK, jwtVerify } from "jose";

/** The longest life of a token in seconds (RFC 8292, section 2). */
const maxLifeSeconds = 86_400;

/** What a token says. `exp` is in seconds since the epoch. */
export interface VapidClaims {
  exp: number;
  sub: string;
  aud: string;
}

/** What a push service makes of an Authorization header. */
export type VapidVerdict =
  | { accepted: true; key: string; token: string; claims: VapidClaims }
  | { accepted: false; status: 401 | 403; why: string };

/**
 * Verifies the Authorization header of an application server (RFC 8292).
 * @param audience the origin of the push service
 * @param expectedKey the key to which the subscription is restricted; null without a restriction
 */
export async function verifyVapid(
  authorization: string | undefined,
  audience: string,
  expectedKey: string | null,
): Promise<VapidVerdict> {
  const parts = /^vapid t=([\w.-]+), ?k=([\w-]+)$/.exec(authorization ?? "");
  if (!parts) return refuse(401, "there is no VAPID header");
  const [, token, key] = parts as unknown as [string, string, string];
  if (expectedKey !== null && key !== expectedKey) return refuse(403, "VapidPkHashMismatch");
  try {
    const { payload } = await jwtVerify(
      token,
      await importJWK(jwkOf(Buffer.from(key, "base64url")), "ES256"),
      { algorithms: ["ES256"], audience, requiredClaims: ["exp", "sub"] },
    );
    const claims = payload as unknown as VapidClaims;
    if (claims.exp > Date.now() / 1_000 + maxLifeSeconds)
      return refuse(401, "the token lives longer than a day");
    if (!/^(mailto:|https:\/\/)/.test(claims.sub))
      return refuse(401, "the subject is neither mailto: nor https:");
    return { accepted: true, key, token, claims };
  } catch (error) {
    return refuse(401, error instanceof errors.JOSEError ? error.code : String(error));
  }
}

const refuse = (status: 401 | 403, why: string) => ({ accepted: false, status, why }) as const;

/** The length of an uncompressed point of P-256. */
const pointBytes = 65;

function jwkOf(point: Buffer) {
  if (point.length !== pointBytes || point[0] !== 4)
    throw new TypeError("the key is not an uncompressed point of P-256");
  return {
    kty: "EC",
    crv: "P-256",
    x: point.subarray(1, 33).toString("base64url"),
    y: point.subarray(33).toString("base64url"),
  };
}
