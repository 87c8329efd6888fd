import { type PushText, writePushPayload } from "../../../domain/push-payload.ts";
import type { Effort } from "../../../domain/templates/effort.ts";
import { matchLocale } from "../../../domain/templates/locales.ts";
import { type CompiledPush, compilePush, renderPush } from "../../../domain/templates/push.ts";
import { emailScope } from "../../../domain/templates/template.ts";
import type { SendRequest } from "../channel.ts";

/** The input of a push message. */
export type PushRequest = Pick<
  SendRequest,
  | "messageId"
  | "templateVersionId"
  | "content"
  | "recipient"
  | "data"
  | "actions"
  | "receipt"
  | "about"
  | "priority"
>;

/** The input of a push message that a thread renders, without its data. */
export type PushParts = Omit<PushRequest, "data">;

/** Writes the payloads of push messages. */
export interface PushWriter {
  /**
   * Writes a payload. Throws `TemplateError`, also if it needs more than `effort` has left.
   * @param atMs the instant of the message, in milliseconds since the epoch
   */
  write(request: PushRequest, atMs: number, effort: Effort): PushText;
}

/** Creates a writer. At most `keptVersions` compiled versions are cached. */
export function createPushWriter(keptVersions = 100): PushWriter {
  const compiled = new Map<string, CompiledPush>();

  function compiledOf({ templateVersionId, content }: PushRequest, locale: string | null) {
    const key = locale === null ? templateVersionId : `${templateVersionId} ${locale}`;
    const kept = compiled.get(key);
    if (kept) return kept;
    const push = compilePush(content, locale);
    compiled.set(key, push);
    if (compiled.size > keptVersions) compiled.delete(compiled.keys().next().value!);
    return push;
  }

  return {
    write(request, atMs, effort) {
      const { messageId, content, recipient, data, actions, receipt, about, priority } = request;
      const locale = matchLocale(content, recipient.locale);
      const scope = emailScope(recipient, data, actions);
      const message = renderPush(compiledOf(request, locale), scope, effort);
      return writePushPayload(message, {
        messageId,
        recipientId: recipient.id,
        locale,
        priority,
        actions,
        receipt: receipt ?? null,
        about,
        atMs,
      });
    },
  };
}
