import { useEffect, useRef, useState } from "react";
import type { AnswerOf } from "tidings/client";
import { api } from "../api/client.ts";
import { answerOf, ApiProblem } from "../api/problem.ts";
import type { TextFault } from "../editor/code-view.ts";
import type { JsonObject } from "../parts/json-schema.ts";
import type { ContentChannel } from "./fields.ts";

export type Preview = AnswerOf<(typeof api.v1.templates.preview)["$post"]>;

export interface PreviewRequest {
  channel: ContentChannel;
  content: JsonObject;
  variables: JsonObject;
  data: JsonObject;
  locale?: string;
  /** The id of a recipient, or an example. */
  recipient?: string | JsonObject;
}

/** How long typing has to rest before the preview is made again. */
const restMs = 250;

type PreviewBody = Parameters<(typeof api.v1.templates.preview)["$post"]>[0]["json"];

/** Renders a template that is not saved. Throws `ApiProblem`. */
const renderPreview = (request: PreviewRequest, signal: AbortSignal): Promise<Preview> =>
  answerOf(
    api.v1.templates.preview.$post(
      // The API checks what people have typed.
      { json: request as unknown as PreviewBody },
      { init: { signal } },
    ),
  );

/**
 * Renders what is edited as soon as typing rests. A newer request aborts an older one. The last preview that succeeded stays while a newer
 * one is made, or fails.
 * @param request null if there is nothing that can be rendered, such as variables that are no JSON
 */
export function usePreview(request: PreviewRequest | null) {
  const [shown, setShown] = useState<{ body: string; preview: Preview } | null>(null);
  const [failed, setFailed] = useState<{ body: string; error: unknown } | null>(null);
  const [turn, setTurn] = useState(0);
  const body = request === null ? null : JSON.stringify(request);
  /** The turn that was rendered last; none yet at first, when nothing is waited for either. */
  const lastTurn = useRef(-1);
  useEffect(() => {
    if (body === null) return;
    const controller = new AbortController();
    const render = () =>
      renderPreview(JSON.parse(body) as PreviewRequest, controller.signal).then(
        (preview) => {
          setShown({ body, preview });
          setFailed(null);
        },
        (error: unknown) => {
          if (!controller.signal.aborted) setFailed({ body, error });
        },
      );
    const timer = setTimeout(() => void render(), lastTurn.current === turn ? restMs : 0);
    lastTurn.current = turn;
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [body, turn]);
  return {
    preview: shown?.preview ?? null,
    /** Whether the preview is not of what is edited now. */
    isStale: shown !== null && shown.body !== body,
    isPending: body !== null && shown?.body !== body && failed?.body !== body,
    error: failed?.error ?? null,
    refresh: () => setTurn((before) => before + 1),
  };
}

/** The faults that the API found, by the JSON pointer of their field. */
export type Faults = ReadonlyMap<string, readonly TextFault[]>;

/** Leaves out of a message what its place says already: the field and the line. */
const plainly = (message: string) =>
  message
    .replace(/, line:\d+, col:\d+/, "")
    .replace(/^does not fit the template: /, "")
    .replace(/^[a-zA-Z]+(?:\.\w+)*: /, "");

/** Collects the faults of a problem by their field. */
export function faultsOf(error: unknown): Faults {
  const faults = new Map<string, TextFault[]>();
  const errors = error instanceof ApiProblem ? (error.details?.errors ?? []) : [];
  for (const { field, message, line, column } of errors) {
    const known = faults.get(field) ?? [];
    known.push({ line, column, message: plainly(message) });
    faults.set(field, known);
  }
  return faults;
}
