import type { Context } from "@opentelemetry/api";
import type { WorkflowInterceptorsFactory } from "@temporalio/workflow";

/** The header in which OpenTelemetry's interceptors put the context of the caller. */
const traceHeader = "_tracer-data";

/**
 * Loads OpenTelemetry. It is part of the bundle, which is one file, but is evaluated only in runs that need it, since that costs
 * milliseconds.
 */
async function load() {
  const [interceptors, { context }] = await Promise.all([
    import(
      /* webpackMode: "eager" */ "@temporalio/interceptors-opentelemetry/lib/workflow/index.js"
    ),
    import(/* webpackMode: "eager" */ "@opentelemetry/api"),
  ]);
  return {
    inbound: new interceptors.OpenTelemetryInboundInterceptor(),
    outbound: new interceptors.OpenTelemetryOutboundInterceptor(),
    internals: new interceptors.OpenTelemetryInternalsInterceptor(),
    context,
  };
}

type Tracing = Awaited<ReturnType<typeof load>>;

/**
 * Traces the runs whose starter is traced. The actions of a run belong to the trace of its latest wake rather than that of its
 * start, since a queue that is never empty would otherwise be one endless trace. Whether a run is traced depends only on its
 * history, so that it replays the same without an exporter.
 */
export const interceptors: WorkflowInterceptorsFactory = () => {
  let tracing: Tracing | undefined;
  let lastWake: Context | undefined;

  const forWake = <Result>({ context, outbound }: Tracing, call: (by: typeof outbound) => Result) =>
    context.with(lastWake ?? context.active(), () => call(outbound));

  return {
    inbound: [
      {
        async execute(input, next) {
          if (!(traceHeader in input.headers)) return next(input);
          tracing = await load();
          return tracing.inbound.execute(input, next);
        },
        // Calls the handler synchronously, so that a run does not end before the handler of its signal was called.
        async handleSignal(input, next) {
          if (!tracing || !(traceHeader in input.headers)) return next(input);
          const { context, inbound } = tracing;
          return inbound.handleSignal(input, (signal) => {
            lastWake = context.active();
            return next(signal);
          });
        },
      },
    ],
    outbound: [
      {
        scheduleActivity: (input, next) =>
          tracing ? forWake(tracing, (by) => by.scheduleActivity(input, next)) : next(input),
        startChildWorkflowExecution: (input, next) =>
          tracing
            ? forWake(tracing, (by) => by.startChildWorkflowExecution(input, next))
            : next(input),
        signalWorkflow: (input, next) =>
          tracing ? forWake(tracing, (by) => by.signalWorkflow(input, next)) : next(input),
        continueAsNew: (input, next) =>
          tracing ? forWake(tracing, (by) => by.continueAsNew(input, next)) : next(input),
        getLogAttributes: (input, next) =>
          tracing ? tracing.outbound.getLogAttributes(input, next) : next(input),
      },
    ],
    internals: [
      {
        dispose(input, next) {
          if (tracing) void tracing.internals.dispose(input, next);
          else next(input);
        },
      },
    ],
  };
};
