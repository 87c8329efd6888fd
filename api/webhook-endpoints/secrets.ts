import { randomBytes } from "node:crypto";
import type { Sealer } from "../../domain/sealer.ts";

const secretBytes = 32;

/** Makes a secret as Standard Webhooks writes it. */
export const newSecret = (): string => `whsec_${randomBytes(secretBytes).toString("base64")}`;

const placeOf = (id: string, column: "secret" | "previous_secret") => ({
  table: "webhook_endpoints",
  column,
  row: id,
});

/** Seals the secret of an endpoint. Throws `SealedValueError` without keys: it is never stored in clear text. */
export const sealSecret = async (
  sealer: Pick<Sealer, "seal">,
  id: string,
  secret: string,
): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await sealer.seal(Buffer.from(secret), placeOf(id, "secret")));

/** Seals the secret that is in force for the column of the previous one. */
export const sealAsPrevious = async (
  sealer: Pick<Sealer, "open" | "seal">,
  id: string,
  sealed: Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(
    await sealer.seal(
      await sealer.open(sealed, placeOf(id, "secret")),
      placeOf(id, "previous_secret"),
    ),
  );
