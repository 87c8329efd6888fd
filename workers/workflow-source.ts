import type { WorkerOptions } from "@temporalio/worker";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The prebuilt bundle beside the compiled code, or the sources, from which a bundle is made at start, if there is none. */
export function workflowSource(): Pick<
  WorkerOptions,
  "workflowBundle" | "workflowsPath" | "interceptors"
> {
  const bundle = fileURLToPath(new URL("../workflow-bundle.js", import.meta.url));
  return existsSync(bundle)
    ? { workflowBundle: { codePath: bundle } }
    : {
        workflowsPath: fileURLToPath(new URL("../workflows/index.ts", import.meta.url)),
        interceptors: {
          workflowModules: [fileURLToPath(new URL("../workflows/tracing.ts", import.meta.url))],
        },
      };
}
