import type { Context } from "@opentelemetry/api";
import type { WorkflowInterceptorsFactory } from "@temporalio/workflow";

/** Where OpenTelemetry's interceptors put the context of who starts, signals or schedules something. */
const traceHeader = "_tracer-data";

/** Part of the bundle, which is one file; evaluated only in runs that need it, for that costs milliseconds each time. */
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
 * Traces the runs that somebody started who is traced; others it leaves alone. What a run does belongs to the trace of the
 * wake that it last had, and not to that of its start: a queue that is never empty would be one trace for ever. Whether a
 * run is traced is decided by its history, so that it replays the same where no exporter is configured.
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
        // In step with the signal, without a wait: a run does not end over one whose handler it has yet to call.
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
