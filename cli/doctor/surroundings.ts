/** What the checks look at, beside the machine itself. */
export interface Surroundings {
  environment: NodeJS.ProcessEnv;
  /** Where `npm start` keeps everything. */
  dataDir: string;
  /** Whether Temporal's downloads can be reached; asked only where nothing nearer is found. */
  canDownload?: () => Promise<boolean>;
}
