import type { WorkflowClientInterceptor } from "@temporalio/client";
import type { ActivityInterceptorsFactory, InjectedSinks } from "@temporalio/worker";
import type { Environment } from "./environment.ts";
import type { Logger } from "./logger.ts";

/** The parts that trace this process and send its traces to a collector. */
export interface Tracing {
  client: WorkflowClientInterceptor;
  activity: ActivityInterceptorsFactory;
  /** Receives the spans of workflows, which are created inside their sandbox. */
  sinks: InjectedSinks<WorkflowSpans>;
  /** Sends the remaining spans, at the end of the process. */
  stop(): Promise<void>;
}

type WorkflowSpans = { exporter: { export(spans: unknown[]): void } };

/** Drops the spans of workflows where this process has no collector, but another process traced the workflow. */
export const noSinks: InjectedSinks<WorkflowSpans> = { exporter: { export: { fn() {} } } };

/**
 * Registers OpenTelemetry for this process. Without a configured endpoint the result is null and OpenTelemetry is not loaded. Spans
 * contain names, ids and statuses, and no content of requests or messages.
 */
export async function startTracing(
  role: "api" | "worker",
  environment: Environment<
    "OTEL_EXPORTER_OTLP_ENDPOINT" | "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" | "OTEL_SERVICE_NAME"
  >,
  logger: Pick<Logger, "warn">,
): Promise<Tracing | null> {
  const base = environment.OTEL_EXPORTER_OTLP_ENDPOINT;
  const url =
    environment.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ??
    (base && `${base.replace(/\/$/, "")}/v1/traces`);
  if (url === undefined) return null;

  const [api, sdk, otlp, resources, names, client, worker] = await Promise.all([
    import("@opentelemetry/api"),
    import("@opentelemetry/sdk-trace-node"),
    import("@opentelemetry/exporter-trace-otlp-http"),
    import("@opentelemetry/resources"),
    import("@opentelemetry/semantic-conventions"),
    import("@temporalio/interceptors-opentelemetry/lib/client/index.js"),
    import("@temporalio/interceptors-opentelemetry/lib/worker/index.js"),
  ]);
  const warn = (message: string) => logger.warn({ message }, "OpenTelemetry has a problem");
  const silent = () => {};
  api.diag.setLogger(
    { error: warn, warn, info: silent, debug: silent, verbose: silent },
    api.DiagLogLevel.WARN,
  );
  const resource = new resources.Resource({
    [names.ATTR_SERVICE_NAME]: environment.OTEL_SERVICE_NAME ?? `tidings-${role}`,
  }).merge(resources.envDetectorSync.detect() as InstanceType<typeof resources.Resource>);
  const processor = new sdk.BatchSpanProcessor(new otlp.OTLPTraceExporter({ url }));
  const provider = new sdk.NodeTracerProvider({ resource, spanProcessors: [processor] });
  provider.register();
  const clientSpans = new client.OpenTelemetryWorkflowClientInterceptor();
  const workflowSpans = worker.makeWorkflowExporter(processor, resource);

  return {
    // Only wakes are traced: the relay has no caller and never ends.
    client: { signalWithStart: (input, next) => clientSpans.signalWithStart(input, next) },
    activity: (context) => ({
      inbound: new worker.OpenTelemetryActivityInboundInterceptor(context),
      outbound: new worker.OpenTelemetryActivityOutboundInterceptor(context),
    }),
    sinks: {
      exporter: {
        export: {
          // Only the parts that identify a run are exported.
          fn: ({ workflowId, runId, workflowType, taskQueue, namespace }, spans) =>
            workflowSpans.export.fn(
              { workflowId, runId, workflowType, taskQueue, namespace } as never,
              spans as never,
            ),
        },
      },
    },
    stop: () => provider.shutdown(),
  };
}
