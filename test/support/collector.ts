import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { z } from "zod";

const id = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`));
const attribute = z.object({ key: z.string(), value: z.looseObject({}) });

/** The parts of https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding that tests read. */
const exported = z.object({
  resourceSpans: z
    .array(
      z.object({
        resource: z.object({ attributes: z.array(attribute) }),
        scopeSpans: z.array(
          z.object({
            spans: z.array(
              z.object({
                traceId: id(16),
                spanId: id(8),
                parentSpanId: id(8).optional(),
                name: z.string().min(1),
                startTimeUnixNano: z.string().regex(/^\d+$/),
                endTimeUnixNano: z.string().regex(/^\d+$/),
                attributes: z.array(attribute),
                status: z.object({ code: z.int().min(0).max(2) }),
              }),
            ),
          }),
        ),
      }),
    )
    .min(1),
});

interface CollectedSpan {
  service: unknown;
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId: string | undefined;
  attributes: Record<string, unknown>;
}

/** Starts a collector of traces that accepts OTLP as JSON on any path, and refuses everything else. */
export async function startCollector() {
  const spans: CollectedSpan[] = [];
  const faults: string[] = [];
  const paths = new Set<string>();
  let received = "";
  const server = createServer((request, response) => {
    void (async () => {
      paths.add(`${request.method} ${request.url}`);
      const body = await json(request);
      received += JSON.stringify(body);
      const parsed = exported.safeParse(body);
      if (!parsed.success) faults.push(parsed.error.message);
      for (const { resource, scopeSpans } of parsed.data?.resourceSpans ?? []) {
        const service = valueOf(resource.attributes.find(({ key }) => key === "service.name"));
        for (const { attributes, name, traceId, spanId, parentSpanId } of scopeSpans.flatMap(
          (scope) => scope.spans,
        ))
          spans.push({
            service,
            name,
            traceId,
            spanId,
            parentSpanId,
            attributes: Object.fromEntries(attributes.map((one) => [one.key, valueOf(one)])),
          });
      }
      response.writeHead(parsed.success ? 200 : 400, { "content-type": "application/json" });
      response.end("{}");
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    faults,
    paths,
    received: () => received,
    stop: () => {
      server.closeAllConnections();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Returns the value under stringValue, intValue, and so on. */
const valueOf = (one: z.infer<typeof attribute> | undefined) => one && Object.values(one.value)[0];
