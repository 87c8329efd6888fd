import type { ReadRulebook, Rulebook } from "../../ledger/rulebook.ts";
import { isRoutable } from "../../domain/policy/route.ts";
import type { NotificationType, TypeDefinition } from "../../domain/policy/notification-type.ts";
import type { Prisma } from "../../prisma/generated/client.ts";
import { definitionOf } from "./store.ts";
import { type FieldError, invalid } from "../http/problem.ts";

/** How old the cached types may be, in milliseconds. */
const freshMs = 1_000;

/** The notification type that a request names, or why it cannot be used. */
export type NamedType =
  | { kind: "type"; type: NotificationType }
  | { kind: "unusable"; error: FieldError };

/**
 * Creates the lookup of the rulebook, and of the notification types that requests name. An API process has one. Its answers are at most a
 * second old.
 */
export function createNotificationTypeLookup(readRulebook: ReadRulebook) {
  let byKey: ReadonlyMap<string, NotificationType> = new Map();
  let known: Rulebook | null = null;
  let readAt = Number.NEGATIVE_INFINITY;

  async function read(): Promise<Rulebook> {
    known = await readRulebook();
    readAt = performance.now();
    byKey = new Map([...known.types.values()].map((type) => [type.key, type]));
    return known;
  }

  const readFresh = async (): Promise<Rulebook> =>
    known === null || performance.now() - readAt > freshMs ? read() : known;

  return {
    /** The policy, the types and the active routing rules. */
    rulebook: readFresh,
    /** Finds the type with a key. A type that allows no channel on which messages are sent is unusable. */
    async find(key: string): Promise<NamedType> {
      await readFresh();
      if (!byKey.has(key)) await read();
      return checkUsable(byKey.get(key));
    },
  };
}

export type NotificationTypeLookup = ReturnType<typeof createNotificationTypeLookup>;

/**
 * Finds the type with a key within a transaction that will refer to it, and protects it from deletion until the transaction ends. Throws
 * the problem of a type that does not exist or is unusable.
 */
export async function holdType(
  tx: Prisma.TransactionClient,
  key: string,
): Promise<{ id: string; definition: TypeDefinition }> {
  const [row] = await tx.$queryRaw<
    { id: string; document: Prisma.JsonValue }[]
  >`SELECT id, document FROM notification_types WHERE key = ${key} FOR KEY SHARE`;
  const found = checkUsable(row && { id: row.id, ...definitionOf(row.document) });
  if (found.kind === "unusable") throw invalid([found.error]);
  return { id: found.type.id, definition: found.type };
}

function checkUsable<Type extends TypeDefinition>(
  type: Type | undefined,
): { kind: "type"; type: Type } | Extract<NamedType, { kind: "unusable" }> {
  const unusable = (message: string) =>
    ({ kind: "unusable", error: { in: "body", field: "/type", message } }) as const;
  if (!type)
    return unusable(
      "names no notification type: create the type first with POST /v1/notification-types",
    );
  return isRoutable(type)
    ? { kind: "type", type }
    : unusable(
        "names a type that allows none of the channels on which messages are sent: email, push, in_app",
      );
}
