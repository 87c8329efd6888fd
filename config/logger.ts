import { destination, pino, type Logger } from "pino";

export type { Logger };

/**
 * JSON lines on standard error, with ids and no personal data: what a log line may name is chosen where it is written,
 * and the usual places of secrets are struck out all the same.
 */
export function createLogger(role: string, level: string): Logger {
  return pino(
    {
      level,
      base: { role, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: [
          "*.authorization",
          "*.password",
          "*.pass",
          "*.apiKey",
          "*.connectionString",
          "*.email",
          "*.phone",
        ],
        censor: "[redacted]",
      },
    },
    destination({ dest: 2, sync: true }),
  );
}
