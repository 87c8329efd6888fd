// Loaded before the programs that a launcher starts, so that they do not outlive it. They drain when the IPC channel closes. But it may
// close before they listen for that, or a drain may wait for a server that has ended as well.
import { isMainThread } from "node:worker_threads";

// Files in the data folder are readable by their owner only.
if (isMainThread) process.umask(0o077);

const drainMs = 3_000;

process.on("disconnect", () => {
  if (process.listenerCount("disconnect") === 1) process.exit(1);
  setTimeout(() => process.exit(1), drainMs).unref();
});
