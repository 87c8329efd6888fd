import type { DnsResolver } from "./dns-records.ts";

/** The input of the checks, besides the machine itself. */
export interface Surroundings {
  environment: NodeJS.ProcessEnv;
  /** The folder in which `npm start` keeps its data. */
  dataDir: string;
  /** Whether Temporal's downloads can be reached; called only if the program is not installed. */
  canDownload?: () => Promise<boolean>;
  /** Asks the name servers of the machine, unless another one is given. */
  resolver?: DnsResolver;
}
