/** The HTTP side of a container: servers on its ports that can be emptied without cutting a request. */
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { pause } from "./pause.ts";
import type { Location, PodNetwork } from "./podNetwork.ts";

const KEEP_ALIVE_MS = 65_000;

export class Listener {
  readonly #servers: Server[] = [];
  readonly #network: PodNetwork;
  #draining = false;

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
    this.#draining = true;
    await pause(lameDuckMs, signal);
    const closed = this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const server of this.#servers) server.closeIdleConnections();
    const cut = (): void => this.destroy();
    if (signal.aborted) cut();
    else signal.addEventListener("abort", cut, { once: true });
    await Promise.all(closed);
  }

  /** Closes at once, as a kill does. */
  destroy(): void {
    for (const server of this.#servers) {
      server.close();
      server.closeAllConnections();
    }
  }

  async #listen(address: string, port: number, handle: RequestListener): Promise<void> {
    const server = createServer({ keepAlive: true }, (request, response) => {
      if (this.#draining) response.setHeader("connection", "close");
      handle(request, response);
    });
    server.keepAliveTimeout = KEEP_ALIVE_MS;
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

function listen(server: Server, at: Location): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: at.host, port: at.port, backlog: 1024 }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
