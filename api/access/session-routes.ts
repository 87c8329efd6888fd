import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { parsePublicId, publicId } from "../../domain/ids.ts";
import { type OperatorRole, operatorRoles } from "../../domain/role.ts";
import { scopes } from "../../domain/scope.ts";
import { text } from "../../domain/text.ts";
import { unauthorized } from "../http/auth.ts";
import type { ApiEnv } from "../http/context.ts";
import { withAuditedTransaction } from "../http/idempotency.ts";
import { exampleIdOf } from "../http/path-ids.ts";
import { provenUntil } from "../http/proof.ts";
import {
  createRouter,
  defineRoute,
  jsonContent,
  problemResponse,
  responses,
} from "../http/router.ts";
import {
  idleMs,
  readSessionCookie,
  removeSessionCookie,
  type Session,
  setSessionCookie,
} from "../http/sessions.ts";
import type { Services } from "../services.ts";
import { beginSession } from "./session-store.ts";

const features = ["push", "sealing"] as const;

const session = z
  .object({
    id: z.string().openapi({ example: exampleIdOf("session") }),
    actor: z.string().openapi({
      description:
        "The author of the changes that this session makes, in the audit trail: the id of the API key or of the operator, or `bootstrap`",
      example: exampleIdOf("apiKey"),
    }),
    name: z.string().openapi({
      description: "The name of the API key or of the operator",
      example: "Ada at work",
    }),
    role: z.enum(operatorRoles).openapi({ example: "sender" }),
    scopes: z.array(z.enum(scopes)).nullable().openapi({
      description:
        "The scopes that the session is limited to; null means everything its role may do",
      example: null,
    }),
    keyId: z
      .string()
      .nullable()
      .openapi({
        description: "The API key that signed in; null for `TIDINGS_API_KEY`, and for an operator",
        example: exampleIdOf("apiKey"),
      }),
    expiresAt: z.iso
      .datetime()
      .openapi({ description: "When the session ends even if it is used" }),
    idleExpiresAt: z.iso
      .datetime()
      .openapi({ description: "When the session ends if it is not used any more" }),
    provenUntil: z.iso.datetime().nullable().openapi({
      description:
        "Until when the session may do what needs a proof of who uses it; null if it may not, until the person signs in again",
      example: null,
    }),
    features: z.array(z.enum(features)).openapi({
      description:
        "What this installation is set up for: `push` notifications in browsers, `sealing` of secrets and device addresses",
      example: ["push", "sealing"],
    }),
    links: z.object({
      temporalUi: z.string().nullable().openapi({
        description:
          "Where Temporal’s web interface lists the workflows of this installation; null if `CONSOLE_TEMPORAL_URL` is not set",
        example: "http://127.0.0.1:8233/namespaces/default/workflows",
      }),
      docs: z.string().openapi({ description: "The reference of the API", example: "/docs" }),
    }),
    serverTime: z.iso.datetime(),
    environment: z
      .object({
        name: z.string().nullable().openapi({ example: "production" }),
        color: z.string().openapi({ example: "red" }),
      })
      .openapi({
        description:
          "How the console shows which installation this is: `CONSOLE_ENVIRONMENT` and `CONSOLE_COLOR`",
      }),
  })
  .openapi("Session");

const signInBody = z
  .strictObject({
    apiKey: text(300).optional().openapi({
      description: "An API key of the role viewer, sender or admin",
      example: "tdg_4fYp0aXeX2v0nq8sJr6WcT1hKd7zLm3uQb9yGaNe",
    }),
    code: text(100).optional().openapi({
      description: "A code of `POST /v1/sign-in-codes`, which is valid once",
      example: "k.J0a8dV3xT1bZyq2mN7rKc4hPwL9sXf6uGe5tQoYiMnA",
    }),
    actor: text(100)
      .optional()
      .openapi({
        description:
          "The `actor` of the session that is to be proved: the key or the code of somebody else is refused, and the session stays",
        example: exampleIdOf("apiKey"),
      }),
  })
  .refine(({ apiKey, code }) => (apiKey === undefined) !== (code === undefined), {
    message: "must have either apiKey or code",
  })
  .openapi({ example: { apiKey: "tdg_4fYp0aXeX2v0nq8sJr6WcT1hKd7zLm3uQb9yGaNe" } });

type SignIn = z.output<typeof signInBody>;

const begin = defineRoute({
  method: "post",
  path: "/v1/session",
  access: "session",
  summary: "Sign in to the console",
  description:
    "Sets the cookie `__Host-tidings`, which scripts cannot read. The session has the rights of the key, and ends with it, after 12 hours without use, and after 7 days. A page of the same origin must send the request, with the header `X-Tidings-Console: 1`. `TIDINGS_API_KEY` can sign in on a loopback address only. The session that the browser has had ends. Signing in is also the proof of who uses the session, which operations with `x-tidings-proof` need: it may be at most 10 minutes old.",
  request: { body: jsonContent(signInBody) },
  responses: responses(201, "The new session", session),
});

const get = defineRoute({
  method: "get",
  path: "/v1/session",
  access: "session",
  summary: "Get my session: who I am, what I may do, and until when",
  responses: responses(200, "The session", session),
});

const end = defineRoute({
  method: "delete",
  path: "/v1/session",
  access: "session",
  summary: "Sign out of the console",
  responses: { 204: { description: "The session has ended" }, ...problemResponse },
});

/** The routes by which a browser signs in to the console and out of it. */
export function sessionRoutes(services: Services) {
  const { keyring, sessions, sealer, clock, config } = services;

  async function sessionJson({ id, caller, name, expiresAt, provenAt }: Session) {
    const now = clock();
    const { state } = await sealer.check();
    const idleExpiresAt = new Date(Math.min(now.getTime() + idleMs, expiresAt.getTime()));
    return {
      id: publicId("session", id),
      actor: caller.id,
      name,
      // A key of another role cannot sign in.
      role: caller.role as OperatorRole,
      scopes: caller.scopes && [...caller.scopes],
      keyId: parsePublicId("apiKey", caller.id) && caller.id,
      expiresAt: expiresAt.toISOString(),
      idleExpiresAt: idleExpiresAt.toISOString(),
      provenUntil: provenUntil(provenAt, now)?.toISOString() ?? null,
      features: features.filter((feature) =>
        feature === "push" ? config.vapidPublicKey !== null : state === "up",
      ),
      links: { temporalUi: config.console.temporalUrl, docs: "/docs" },
      serverTime: now.toISOString(),
      environment: config.console.environment,
    };
  }

  async function signIn(c: Context<ApiEnv>, { apiKey, code, actor }: SignIn): Promise<Session> {
    const caller = apiKey === undefined ? null : await keyring.findCaller(apiKey);
    if (apiKey !== undefined && !caller)
      throw unauthorized("This API key does not exist, or it has expired or been revoked.", apiKey);
    const secret = await beginSession(c, services, {
      by: caller ? { caller } : { code: code! },
      previous: readSessionCookie(c),
      mustBe: actor,
    });
    sessions.clear();
    setSessionCookie(c, secret);
    const found = await sessions.find(secret);
    if (!found) throw unauthorized("The key has ended in this moment.", secret);
    return found;
  }

  return createRouter()
    .openapi(begin, async (c) =>
      c.json(await sessionJson(await signIn(c, c.req.valid("json"))), 201),
    )
    .openapi(get, async (c) => c.json(await sessionJson(c.get("session")!), 200))
    .openapi(end, async (c) => {
      const { id } = c.get("session")!;
      await withAuditedTransaction(c, services, async (tx) => {
        const { count } = await tx.session.deleteMany({ where: { id } });
        const change = { action: "session.end", resource: publicId("session", id) };
        return {
          body: null,
          changes: count > 0 ? [change] : [],
          committed: () => sessions.clear(),
        };
      });
      removeSessionCookie(c);
      return c.body(null, 204);
    });
}
