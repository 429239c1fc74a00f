import { once } from "node:events";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createAuthority } from "../../sandbox/apiserver/x509.ts";

/** Servers that no webhook call gets through to. */
export interface BadServers {
  /** Of the authorities that signed their certificates. */
  readonly caBundle: string;
  /** Where the server listens that had this port in the recordings. */
  portOf(recorded: string): number;
  stop(): Promise<void>;
}

const longAgo = new Date("2020-01-01T00:00:00Z");

export async function startBadServers(): Promise<BadServers> {
  const authority = createAuthority("test webhooks", new Date());
  const bygone = createAuthority("bygone webhooks", longAgo);
  const sockets = new Set<Socket>();
  const tls = ({ certificate, key }: { certificate: string; key: string }) =>
    createTlsServer({ cert: certificate, key });
  const servers: Record<string, Server> = {
    "9451": tls(authority.issueServer([], [])),
    "9452": tls(authority.issueServer(["elsewhere.example.com"], [])),
    "9453": tls(bygone.issueServer([], ["127.0.0.1"])),
    "9454": createServer((socket) => socket.once("data", () => socket.resetAndDestroy())),
    "9455": createServer((socket) => socket.end("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request.\n")),
  };
  for (const server of Object.values(servers)) {
    server.on("connection", (socket: Socket) => {
      sockets.add(socket);
      socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  }
  return {
    caBundle: Buffer.from(authority.certificate + bygone.certificate).toString("base64"),
    portOf: (recorded) => (servers[recorded]?.address() as AddressInfo | undefined)?.port ?? Number(recorded),
    async stop() {
      for (const socket of sockets) socket.destroy();
      await Promise.all(Object.values(servers).map(async (server) => await once(server.close(), "close")));
    },
  };
}
