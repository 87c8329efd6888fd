import { unconditional } from "../http/etag.ts";
import { exampleOf, type Schemas } from "./examples.ts";
import {
  type Access,
  accessExtension,
  classExtension,
  crossOriginExtension,
  rawBodyExtension,
} from "../http/router.ts";

type Content = Record<string, { schema?: unknown; example?: unknown; examples?: unknown }>;

/** An operation of the document: the members that completing it reads or writes. */
export interface Operation {
  [accessExtension]: Access;
  [classExtension]?: string;
  [crossOriginExtension]?: boolean;
  [rawBodyExtension]?: boolean;
  parameters?: { in: string; name: string; description?: string }[];
  requestBody?: { content: Content };
  responses: Record<string, { headers?: object; content?: Content }>;
  tags?: string[];
}

/** Where an operation stands in the document. */
interface Place {
  /** The method in lower case. */
  method: string;
  path: string;
  /** Whether an operation of this path takes If-Match, so that its responses have an ETag. */
  versioned: boolean;
}

/** Tags and their descriptions. A tag is the first part of a path after the version. */
export const tagDescriptions: Record<string, string> = {
  recipients: "People to notify.",
  me: "Operations for recipients themselves, who use a token of their own.",
  tombstones: "Erased recipients, kept without personal data so that the ledger adds up.",
  segments: "Saved filters over recipients, used as audiences.",
  audiences: "Counts of the recipients that segments and conditions include together.",
  topics: "What recipients subscribe to, with their consent.",
  "sign-ups": "The form by which strangers subscribe, and the links that confirm it.",
  templates: "Messages with variables. A version never changes once it is written.",
  attachments: "Files that notifications send with their emails.",
  layouts: "HTML that templates include. A saved template version has a copy of it.",
  campaigns: "One message to an audience.",
  policy: "The organisation’s rules: default preferences, limits, rates and thresholds.",
  "notification-types": "Named kinds of message, with rules for each kind.",
  "routing-rules": "Rules that choose the channels of messages, in their order.",
  notifications: "Requests to notify recipients, now or later.",
  deliveries: "The ledger: messages owed to recipients, with their outcomes.",
  events: "What became of messages, listed here or published to your services.",
  "webhook-endpoints": "Webhooks: your services that events are POSTed to.",
  push: "Push notifications in browsers: keys, scripts, and what devices report.",
  actions: "What recipients do with the links of a message.",
  unsubscribing: "The links by which recipients stop emails.",
  inbound: "What providers of email report of messages.",
  decisions: "Previews of what would happen to a message.",
  policies: "Simulations of a changed policy on the recorded past.",
  analytics: "What became of deliveries: rates, funnels, send times, cohorts and segments.",
  stats: "How many deliveries were created and ended, over time.",
  explanations: "Why a recipient did or did not receive a message.",
  groups: "Batches and digests: deliveries that are sent as one message.",
  queues: "Deliveries that wait to be sent, and the reasons.",
  providers: "Providers and their circuit breakers.",
  gates: "Rate limits of channels and providers, which all workers share.",
  health: "The health of the system.",
  processes: "The processes of the API and the workers, and what is wrong with each.",
  alerts: "What operators should act on.",
  sealing: "The encryption of secrets and device addresses in the database.",
  suppressions: "Addresses to which no message is sent.",
  "api-keys": "Keys that give access to this API, with their rights.",
  session: "Signing in to the console, and out of it.",
  sessions: "Browsers that are signed in to the console.",
  operators: "People who sign in to the console through the OpenID provider.",
  "sign-in-codes": "Codes that sign in to the console once.",
  stream: "Hints to the console about what has changed.",
  search: "One search over everything that has a name.",
  actors: "The names of those who make changes.",
  views: "Views of the console that people have saved.",
  console: "The pages of the console.",
  audit: "The audit trail: who changed what.",
  service: "The process itself, and its documentation.",
};

const parts = (path: string) => path.split("/").filter((part) => part !== "" && part !== "v1");

function tagOf(path: string): string {
  if (path.startsWith("/a/")) return "actions";
  if (path.startsWith("/u/")) return "unsubscribing";
  if (path.startsWith("/s/") || path.startsWith("/c/")) return "sign-ups";
  if (path.startsWith("/r/") || path.startsWith("/push/")) return "push";
  if (path.startsWith("/console")) return "console";
  return path.startsWith("/v1/") ? parts(path)[0]! : "service";
}

/** Makes an operation id such as `getCampaignsByIdDeliveries` from method and path alone, so that it stays the same as long as they do. */
function operationId(method: string, path: string): string {
  const named = path === "/" ? ["root"] : [...parts(path), ...(path.endsWith("/") ? ["page"] : [])];
  const words = named.flatMap((part) =>
    part.startsWith("{") ? ["by", part.slice(1, -1)] : part.split(/[^A-Za-z0-9]+/),
  );
  return method + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
}

/**
 * Completes an operation with what follows from its definition: an id and a tag, the problems that it can respond with, the headers
 * of every response, and examples of bodies, made from its schemas, where it has none of its own.
 */
export function completeOperation(operation: Operation, place: Place, schemas: Schemas): Operation {
  const {
    [classExtension]: _,
    [crossOriginExtension]: __,
    [rawBodyExtension]: ___,
    ...described
  } = operation;
  const { requestBody } = operation;
  const answers = Object.fromEntries(
    ownResponses(operation).map(([status, response]) => {
      const { headers, content, ...rest } = response;
      return [
        status,
        {
          ...rest,
          headers: { ...headersOf(operation, place, status), ...headers },
          ...(content && { content: withExamples(content, schemas) }),
        },
      ];
    }),
  );
  const problems = Object.fromEntries(
    problemStatuses(operation, place.method).map((status) => [status, problem(status)]),
  );
  return {
    ...described,
    operationId: operationId(place.method, place.path),
    tags: [tagOf(place.path)],
    ...(requestBody && {
      requestBody: { ...requestBody, content: withExamples(requestBody.content, schemas) },
    }),
    responses: { ...problems, ...answers, default: problem() },
  } as Operation;
}

/** The responses of an operation without classes of statuses such as `4XX`, which completion replaces by single statuses. */
const ownResponses = ({ responses }: Operation) =>
  Object.entries(responses).filter(([status]) => !status.endsWith("XX"));

const problem = (status = "") => ({ $ref: `#/components/responses/Problem${status}` });

export function takesHeader({ parameters = [] }: Operation, header: string): boolean {
  return parameters.some(({ in: place, name }) => place === "header" && name === header);
}

/**
 * The statuses of the problems that follow from what an operation takes. Its `default` response covers every other problem. The
 * problem responses of a status have the rate limit headers of an authenticated caller, so that a public operation has none of them.
 */
function problemStatuses(operation: Operation, method: string): string[] {
  const { parameters = [], requestBody, [accessExtension]: access } = operation;
  if (access === "public" || access === "session") return [];
  const changes = access === "sender" || access === "admin";
  const hasPathParameter = parameters.some((parameter) => parameter.in === "path");
  const hasBody = requestBody !== undefined;
  const conditional = takesHeader(operation, "if-match");
  const applies: Record<string, boolean> = {
    400: hasBody,
    401: true,
    403: true,
    404: hasPathParameter,
    409:
      takesHeader(operation, "idempotency-key") ||
      (changes && hasPathParameter && ["post", "put", "patch"].includes(method)),
    412: conditional,
    413: hasBody,
    415: hasBody,
    422: hasBody || parameters.length > 0,
    428: conditional && !parameters.some(({ description }) => description === unconditional),
    429: true,
  };
  return Object.keys(applies).filter((status) => applies[status]);
}

/** Makes references to headers of the document's components, by name. */
export const headerReferences = (...names: string[]) =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));

function headersOf(operation: Operation, { method, versioned }: Place, status: string) {
  return headerReferences(
    "X-Request-Id",
    ...(["public", "session"].includes(operation[accessExtension])
      ? []
      : ["RateLimit", "RateLimit-Policy"]),
    ...(versioned && ["get", "put", "patch"].includes(method) && status !== "204" ? ["ETag"] : []),
    ...(takesHeader(operation, "idempotency-key") ? ["Idempotency-Replayed"] : []),
  );
}

function withExamples(content: Content, schemas: Schemas) {
  return Object.fromEntries(
    Object.entries(content).map(([type, media]) => {
      if (
        !type.endsWith("json") ||
        media.schema === undefined ||
        media.examples !== undefined ||
        "example" in media
      )
        return [type, media];
      return [type, { ...media, example: exampleOf(media.schema, schemas) }];
    }),
  );
}
