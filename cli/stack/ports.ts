import { createServer } from "node:net";

/** A port of 127.0.0.1 that is free now. Whoever takes it should be quick. */
export function freePort(): Promise<number> {
  return tryPort(0).then((port) => port!);
}

/** Takes `port` for a moment (0: any) and returns it; null if somebody else has it. */
export function tryPort(port: number): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" || error.code === "EACCES" ? resolve(null) : reject(error),
    );
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : null));
    });
  });
}
