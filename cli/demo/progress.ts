import { SingleBar } from "cli-progress";

/** A progress bar on a terminal; without a terminal it prints nothing. */
export interface Progress {
  update(done: number): void;
  stop(): void;
}

export function startProgress(what: string, total: number): Progress {
  if (!process.stderr.isTTY) return { update: () => {}, stop: () => {} };
  const bar = new SingleBar({
    format: `${what} {bar} {value}/{total}  {duration_formatted}`,
    stream: process.stderr,
    hideCursor: true,
  });
  bar.start(total, 0);
  return { update: (done) => bar.update(Math.min(done, total)), stop: () => bar.stop() };
}
