import type { AnswerOf } from "tidings/client";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";

const one = api.v1.recipients[":recipient"];

/** Changes stated preferences by a merge patch, if they still have this version. */
export const patchPreferences = (recipient: string, version: number, patch: object) =>
  answerOf(
    one.preferences.$patch({
      param: { recipient },
      header: { "if-match": `"${version}"` },
      json: patch as Parameters<typeof one.preferences.$patch>[0]["json"],
    }),
  );

/** Changes the profile by a merge patch, if it still has this ETag. */
export const patchRecipient = (recipient: string, etag: string, patch: object) =>
  answerOf(
    one.$patch({
      param: { recipient },
      header: { "if-match": etag },
      json: patch as Parameters<typeof one.$patch>[0]["json"],
    }),
  );

export type Revealed = AnswerOf<typeof one.reveal.$post>;

/** Reads a recipient with nothing masked, which the audit trail records. */
export const reveal = (recipient: string) => answerOf(one.reveal.$post({ param: { recipient } }));

export const issueToken = (recipient: string, expiresInSeconds: number) =>
  answerOf(one["preference-tokens"].$post({ param: { recipient }, json: { expiresInSeconds } }));

export const createPreferenceLink = (recipient: string) =>
  answerOf(one["preference-links"].$post({ param: { recipient } }));

export const revokeLinks = (recipient: string) =>
  answerOf(one["revoke-links"].$post({ param: { recipient } }));

export const removeDevice = (recipient: string, id: string) =>
  answerOf(one.addresses[":id"].$delete({ param: { recipient, id } }));

export const eraseRecipient = (recipient: string) =>
  answerOf(one.$delete({ param: { recipient } }));

/** Previews what would happen to a message. */
export const previewDecision = (wanted: {
  recipient: string;
  type?: string;
  priority?: string;
  at: string;
}) =>
  answerOf(
    api.v1.decisions.preview.$post({
      json: wanted as Parameters<typeof api.v1.decisions.preview.$post>[0]["json"],
    }),
  );
