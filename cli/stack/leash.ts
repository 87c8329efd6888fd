// Loaded before our own programs when a launcher starts them: they must not outlive it. They drain by themselves when the
// IPC channel closes; but it may close before they listen for that, or a drain may wait for a server that went as well.
const drainMs = 3_000;

process.on("disconnect", () => {
  if (process.listenerCount("disconnect") === 1) process.exit(1);
  setTimeout(() => process.exit(1), drainMs).unref();
});
