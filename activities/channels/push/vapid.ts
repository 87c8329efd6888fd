import webPush from "web-push";
import { hourMs } from "../../../domain/time/durations.ts";
import type { VapidSettings } from "../../../config/vapid.ts";

/** A token is used for twelve hours and valid for twenty: push services refuse those that are valid for more than a day. */
const usedMs = 12 * hourMs;
const validMs = 20 * hourMs;
const keptOrigins = 256;

/** Signs requests to push services. */
export interface VapidSigner {
  /** The number of pairs of keys. */
  readonly pairs: number;
  /** The value of the header Authorization for requests to an origin, signed with the pair of this number. One token serves many requests. */
  authorize(origin: string, pair: number): string;
}

/** @param clock returns milliseconds since the epoch */
export function createVapidSigner(
  { keys, subject }: VapidSettings,
  clock: () => number,
): VapidSigner {
  const kept = new Map<string, { header: string; untilMs: number }>();
  return {
    pairs: keys.length,
    authorize(origin, pair) {
      const nowMs = clock();
      const key = `${pair} ${origin}`;
      const known = kept.get(key);
      if (known && nowMs < known.untilMs) return known.header;
      const { publicKey, privateKey } = keys[pair]!;
      const expiry = Math.floor((nowMs + validMs) / 1_000);
      const { Authorization: header } = webPush.getVapidHeaders(
        origin,
        subject,
        publicKey,
        privateKey,
        "aes128gcm",
        expiry,
      );
      kept.delete(key);
      kept.set(key, { header, untilMs: nowMs + usedMs });
      if (kept.size > keptOrigins) kept.delete(kept.keys().next().value!);
      return header;
    },
  };
}
