/** The HTTP side of a container: servers on its ports that can be emptied without cutting a request. */
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { pause } from "./pause.ts";
import type { Location, PodNetwork } from "./podNetwork.ts";

const KEEP_ALIVE_MS = 65_000;

export class Listener {
  readonly #servers: Server[] = [];
  readonly #network: PodNetwork;
  readonly #sockets = new Set<Socket>();
  readonly #busy = new Set<Socket>();
  #phase: "open" | "draining" | "closing" = "open";

  constructor(network: PodNetwork) {
    this.#network = network;
  }

  /** Listens on all ports or on none: an error (a port in use) closes what was opened. */
  async open(address: string, ports: readonly number[], handle: RequestListener): Promise<void> {
    try {
      await Promise.all(ports.map((port) => this.#listen(address, port, handle)));
    } catch (error) {
      this.destroy();
      throw error;
    }
  }

  /**
   * Asks clients to leave: answers carry `connection: close` for the lame-duck time while new connections are still taken, then
   * the ports are closed. Resolves when the last request has been answered; `signal` cuts what is left.
   */
  async drain(lameDuckMs: number, signal: AbortSignal): Promise<void> {
    this.#phase = "draining";
    await pause(lameDuckMs, signal);
    this.#phase = "closing";
    const closed = this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    // Not closeIdleConnections: it spares connections that have not sent anything yet.
    for (const socket of this.#sockets) if (!this.#busy.has(socket)) socket.destroy();
    const cut = (): void => this.destroy();
    if (signal.aborted) cut();
    else signal.addEventListener("abort", cut, { once: true });
    await Promise.all(closed);
    signal.removeEventListener("abort", cut);
  }

  /** Closes at once, as a kill does. */
  destroy(): void {
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async #listen(address: string, port: number, handle: RequestListener): Promise<void> {
    const server = createServer({ keepAlive: true }, (request, response) => {
      const { socket } = request;
      if (this.#network.isCut(address) && !isProbe(request)) return void socket.destroy();
      this.#busy.add(socket);
      response.once("close", () => {
        this.#busy.delete(socket);
        if (this.#phase === "closing") socket.end();
      });
      if (this.#phase !== "open") response.setHeader("connection", "close");
      handle(request, response);
    });
    server.keepAliveTimeout = KEEP_ALIVE_MS;
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    server.on("clientError", (_error, socket) => {
      if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
    });
    this.#servers.push(server);
    const at = this.#network.listenAt(address, port);
    try {
      await listen(server, at);
    } catch (error) {
      // A privileged port without the privilege: any other port of the same address will do.
      if ((error as NodeJS.ErrnoException).code !== "EACCES") throw error;
      await listen(server, { host: at.host, port: 0 });
    }
    this.#network.listening(address, port, { host: at.host, port: (server.address() as AddressInfo).port });
  }
}

/** A kubelet still reaches the pods of its node when nobody else does. */
function isProbe({ headers }: IncomingMessage): boolean {
  return headers["user-agent"]?.startsWith("kube-probe/") === true;
}

function listen(server: Server, at: Location): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: at.host, port: at.port, backlog: 1024 }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
