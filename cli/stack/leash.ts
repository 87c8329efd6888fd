// Loaded before our own programs when a launcher starts them: they must not outlive it. They drain by themselves when the
// IPC channel closes; but it may close before they listen for that, or a drain may wait for a server that went as well.
import { isMainThread } from "node:worker_threads";

// What they make in the data folder is for its owner's eyes only.
if (isMainThread) process.umask(0o077);

const drainMs = 3_000;

process.on("disconnect", () => {
  if (process.listenerCount("disconnect") === 1) process.exit(1);
  setTimeout(() => process.exit(1), drainMs).unref();
});
