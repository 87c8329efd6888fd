import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";

/** The server's end of one connection: a script reads what the client sent and writes what it likes. */
export class ScriptedConnection {
  readonly socket: Socket;
  /** Each piece as it arrived. */
  readonly chunks: string[] = [];
  closed = false;
  #received = "";
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      this.chunks.push(chunk.toString());
      this.#received += chunk.toString();
      this.#wake();
    });
    socket.on("close", () => {
      this.closed = true;
      this.#wake();
    });
  }

  /** It has received a whole line that was not read. */
  get hasLine(): boolean {
    return this.#received.includes("\r\n");
  }

  write(...lines: string[]): void {
    this.socket.write(lines.map((line) => `${line}\r\n`).join(""));
  }

  /** The next line, without its end; throws once the client has hung up. */
  async line(): Promise<string> {
    return this.#until("\r\n");
  }

  /** A message, without its final dot. */
  async content(): Promise<string> {
    return this.#until("\r\n.\r\n");
  }

  /** Up to the client's MAIL, which is not read. */
  async greet(...extensions: string[]): Promise<void> {
    this.write("220 scripted");
    await this.line();
    const lines = ["scripted", ...extensions];
    this.write(
      ...lines.map((line, index) => `250${index === lines.length - 1 ? " " : "-"}${line}`),
    );
  }

  /** Answers each command of an envelope, and returns the recipient. The default answer to DATA is `354`. */
  async envelope(rcptReply = "250 ok", dataReply = "354 go"): Promise<string> {
    let line = await this.line();
    if (line === "RSET") {
      this.write("250 reset");
      line = await this.line();
    }
    if (line === "QUIT") {
      this.write("221 bye");
      this.hangUp();
      throw new HungUp();
    }
    if (!line.startsWith("MAIL FROM:<")) throw new Error(`expected MAIL, got ${line}`);
    this.write("250 ok");
    const recipient = /^RCPT TO:<(.*)>$/.exec(await this.line())?.[1];
    if (recipient === undefined) throw new Error("expected RCPT");
    this.write(rcptReply);
    if (rcptReply.startsWith("250") || this.#received.startsWith("DATA")) {
      await this.line();
      this.write(dataReply);
    }
    return recipient;
  }

  /** A whole mail, taken. */
  async take(): Promise<string> {
    const recipient = await this.envelope();
    await this.content();
    this.write("250 taken");
    return recipient;
  }

  hangUp(): void {
    this.socket.end();
  }

  async #until(end: string): Promise<string> {
    for (;;) {
      const at = this.#received.indexOf(end);
      if (at >= 0) {
        const taken = this.#received.slice(0, at);
        this.#received = this.#received.slice(at + end.length);
        return taken;
      }
      if (this.closed) throw new HungUp();
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

export class HungUp extends Error {}

export interface ScriptedServer {
  port: number;
  connections: ScriptedConnection[];
  close(): Promise<void>;
}

/** A TCP server that runs a script for each connection, the first with `index` 0. A script ends quietly when its client hangs up. */
export async function startScriptedServer(
  script: (connection: ScriptedConnection, index: number) => Promise<void>,
): Promise<ScriptedServer> {
  const connections: ScriptedConnection[] = [];
  const failures: unknown[] = [];
  const server = createServer((socket) => {
    const connection = new ScriptedConnection(socket);
    connections.push(connection);
    script(connection, connections.length - 1).catch((error: unknown) => {
      if (error instanceof HungUp) return;
      failures.push(error);
      socket.destroy();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    connections,
    async close() {
      for (const { socket } of connections) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      if (failures.length > 0) throw failures[0];
    },
  };
}

/** A port on which nothing listens. */
export async function closedPort(): Promise<number> {
  const server = await startScriptedServer(async () => {});
  await server.close();
  return server.port;
}
