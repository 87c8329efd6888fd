import type { ReadRulebook } from "../config/rulebook.ts";
import type { NotificationType } from "../domain/notification-type.ts";
import type { FieldError } from "./problem.ts";

/** How old what is known of types may be. */
const freshMs = 1_000;

export type NamedType =
  | { kind: "type"; type: NotificationType }
  | { kind: "unusable"; error: FieldError };

/** Finds the notification types that requests name. One an API process; what it says is at most a second old. */
export function createTypes(readRulebook: ReadRulebook) {
  let byKey: ReadonlyMap<string, NotificationType> = new Map();
  let readAt = Number.NEGATIVE_INFINITY;

  async function read(): Promise<void> {
    const { types } = await readRulebook();
    readAt = performance.now();
    byKey = new Map([...types.values()].map((type) => [type.key, type]));
  }

  return {
    /** The type of that key, if messages of it may go out by email: there is no other way so far. */
    async find(key: string): Promise<NamedType> {
      if (performance.now() - readAt > freshMs || !byKey.has(key)) await read();
      const type = byKey.get(key);
      if (!type)
        return unusable(
          "names no notification type: create it first with POST /v1/notification-types",
        );
      return type.channels.includes("email")
        ? { kind: "type", type }
        : unusable("names a type that does not allow email, the only channel so far");
    },
  };
}

export type Types = ReturnType<typeof createTypes>;

const unusable = (message: string): NamedType => ({
  kind: "unusable",
  error: { in: "body", field: "/type", message },
});
