import {
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import {
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_HTTP_ROUTE,
} from "@opentelemetry/semantic-conventions";
import { createMiddleware } from "hono/factory";
import type { ApiEnv } from "./context.ts";
import { describeRequest, probes } from "./request-logging.ts";

/** Reads only traceparent, which consists of ids: a caller could write anything into tracestate and baggage, and it would end up in workflow histories. */
const idsOnly = {
  get: (carrier: string | undefined, name: string) =>
    name === "traceparent" ? carrier : undefined,
  keys: () => ["traceparent"],
};

/** Makes a span for each request, named after its method and route. It belongs to the caller's trace if the request names one (W3C traceparent). */
export function traceRequests() {
  const tracer = trace.getTracer("tidings-api");
  return createMiddleware<ApiEnv>(async (c, next) => {
    const { method, route } = describeRequest(c);
    if (probes.has(route)) return next();
    const parent = propagation.extract(ROOT_CONTEXT, c.req.header("traceparent"), idsOnly);
    const attributes = {
      [ATTR_HTTP_REQUEST_METHOD]: method,
      [ATTR_HTTP_ROUTE]: route,
      "tidings.request_id": c.get("requestId"),
    };
    const span = tracer.startSpan(
      `${method} ${route}`,
      { kind: SpanKind.SERVER, attributes },
      parent,
    );
    c.set("traceId", span.spanContext().traceId);
    try {
      await context.with(trace.setSpan(parent, span), next);
    } finally {
      span.setAttribute(ATTR_HTTP_RESPONSE_STATUS_CODE, c.res.status);
      if (c.res.status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    }
  });
}
