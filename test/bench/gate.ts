import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { CanaryHook } from "../../api/index.ts";

/** A confirm-traffic-increase hook that is opened and closed by hand. */
export interface Gate {
  readonly hook: CanaryHook;
  open: boolean;
  /** Calls that were refused so far. */
  readonly refused: number;
  stop(): Promise<void>;
}

export async function startGate(): Promise<Gate> {
  let refused = 0;
  const server = createServer((_request, response) => {
    if (!gate.open) refused += 1;
    response.writeHead(gate.open ? 200 : 403).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const gate = {
    hook: { name: "gate", type: "confirm-traffic-increase", url: `http://127.0.0.1:${port}` } as const,
    open: true,
    get refused() {
      return refused;
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return gate;
}
