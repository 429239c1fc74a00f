/**
 * Addresses for pods. On Linux every address of 127/8 is local, so each pod gets one of its own and listens on the very ports
 * it declares. A sandbox claims blocks of 254 addresses by listening on the first one, so that several sandboxes on one machine
 * never meet. Where only 127.0.0.1 exists (macOS), pods keep their virtual address and listen on free ports of 127.0.0.1:
 * `locate` tells where. The same holds for ports below 1024 where the user may not listen on them.
 */
import { randomInt } from "node:crypto";
import { createServer, type Server } from "node:net";

export interface Location {
  readonly host: string;
  readonly port: number;
}

export interface PodNetwork {
  /** An address that no other pod has; the first of a block stands for the node itself. */
  allocate(): Promise<string>;
  release(address: string): void;
  /** The address of the machine the pods are on. */
  nodeAddress(): Promise<string>;
  /** Where to listen for connections to a pod's port; port 0 where pods have no addresses of their own. */
  listenAt(address: string, port: number): Location;
  /** Tells where a pod's port is really listened on. */
  listening(address: string, port: number, real: Location): void;
  /** Where to connect to for a pod's port; the same thing on Linux. */
  locate(address: string, port: number): Location;
  /** Pods of these addresses break off every connection; replaces what was said of them before. */
  setCut(addresses: Iterable<string>, cut: boolean): void;
  isCut(address: string): boolean;
  close(): Promise<void>;
}

/** The port of a kubelet: what holds a block. */
const CLAIM_PORT = 10250;
const CLAIM_ATTEMPTS = 200;

/** `shared`: one address for all pods even where there are many; what happens by itself where there is only one. */
export function createPodNetwork(options: { readonly shared?: boolean } = {}): PodNetwork {
  return new LoopbackNetwork(options.shared === true);
}

class LoopbackNetwork implements PodNetwork {
  readonly #claims: Server[] = [];
  readonly #free: string[] = [];
  readonly #ports = new Map<string, Location>();
  readonly #cut = new Set<string>();
  #node: string | undefined;
  #mapped: boolean;
  #claiming: Promise<void> | undefined;

  constructor(mapped: boolean) {
    this.#mapped = mapped;
  }

  async allocate(): Promise<string> {
    while (this.#free.length === 0) await this.#claimOnce();
    return this.#free.shift() ?? "";
  }

  release(address: string): void {
    for (const key of this.#ports.keys()) if (key.startsWith(`${address}:`)) this.#ports.delete(key);
    this.#cut.delete(address);
    // To the end of the line, so that an address is not used again while somebody may still remember it.
    this.#free.push(address);
  }

  async nodeAddress(): Promise<string> {
    if (this.#node === undefined) await this.#claimOnce();
    return this.#node ?? "127.0.0.1";
  }

  listenAt(address: string, port: number): Location {
    return this.#mapped ? { host: "127.0.0.1", port: 0 } : { host: address, port };
  }

  listening(address: string, port: number, real: Location): void {
    if (real.host !== address || real.port !== port) this.#ports.set(`${address}:${port}`, real);
  }

  locate(address: string, port: number): Location {
    return this.#ports.get(`${address}:${port}`) ?? { host: address, port };
  }

  setCut(addresses: Iterable<string>, cut: boolean): void {
    for (const address of addresses) {
      if (cut) this.#cut.add(address);
      else this.#cut.delete(address);
    }
  }

  isCut(address: string): boolean {
    return this.#cut.size > 0 && this.#cut.has(address);
  }

  async close(): Promise<void> {
    await Promise.all(this.#claims.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  /** Callers that come together share one claim. */
  async #claimOnce(): Promise<void> {
    this.#claiming ??= this.#claim().finally(() => (this.#claiming = undefined));
    await this.#claiming;
  }

  async #claim(): Promise<void> {
    for (let attempt = 0; attempt < CLAIM_ATTEMPTS; attempt += 1) {
      const block = `127.${randomInt(1, 255)}.${randomInt(0, 256)}`;
      const claim = this.#mapped ? "virtual" : await tryListen(`${block}.1`);
      if (claim === "taken") continue;
      if (typeof claim === "string") this.#mapped = true;
      else this.#claims.push(claim);
      this.#node ??= this.#mapped ? "127.0.0.1" : `${block}.1`;
      for (let last = 2; last < 255; last += 1) this.#free.push(`${block}.${last}`);
      return;
    }
    throw new Error("no free block of loopback addresses found for pods: stop other sandboxes and try again");
  }
}

function tryListen(host: string): Promise<Server | "taken" | "virtual"> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.unref();
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE" || error.code === "EACCES") resolve("taken");
      else if (error.code === "EADDRNOTAVAIL") resolve("virtual");
      else reject(error);
    });
    server.listen({ host, port: CLAIM_PORT, exclusive: true }, () => resolve(server));
  });
}
