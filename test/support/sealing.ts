import { createHash } from "node:crypto";
import { type MasterKey, parseMasterKeys } from "../../domain/sealing/master-keys.ts";

/** The variable SEALING_KEYS with a key for each id. The same id and variety give the same bytes. */
export const sealingKeys = (ids: readonly string[], variety = ""): string =>
  ids
    .map((id) => `${id}:${createHash("sha256").update(`${id} ${variety}`).digest("base64")}`)
    .join(",");

/** A master key with this id. Another variety is another key under the same id. */
export const masterKey = (id: string, variety = ""): MasterKey =>
  parseMasterKeys(sealingKeys([id], variety))![0]!;
