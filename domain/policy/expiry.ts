/**
 * Returns when a message expires: at `expiresAt`, or when the time to live of its type has passed since `askedAt`, whichever is earlier;
 * null if it never does. Instants are milliseconds since the epoch.
 */
export function expiryOf({
  askedAt,
  expiresAt,
  timeToLiveSeconds,
}: {
  askedAt: number;
  expiresAt: number | null;
  timeToLiveSeconds: number | null;
}): number | null {
  const livesUntil = timeToLiveSeconds === null ? null : askedAt + timeToLiveSeconds * 1_000;
  if (livesUntil === null || expiresAt === null) return livesUntil ?? expiresAt;
  return Math.min(livesUntil, expiresAt);
}
