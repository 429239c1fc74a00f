import { readFile, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { startProcess } from "../../../examples/demo/processes.ts";
import { controllerUser, type ReleaseCluster } from "./cluster.ts";
import { runController } from "./weir.ts";

/** A controller of one namespace that can be killed. */
export interface Life {
  /** At once: nothing that it has not sent yet leaves any more, and no answer reaches it. */
  kill(): void;
  /** Resolves when nothing is left of it. */
  readonly over: Promise<unknown>;
}

export type Bear = (cluster: ReleaseCluster, namespace: string) => Promise<Life>;

const flagsOf = (namespace: string): readonly string[] => [
  `--namespace=${namespace}`,
  "--enable-leader-election=false",
];

let count = 0;

/** A process, killed by SIGKILL. */
export const inAProcess: Bear = async ({ sandbox: { users, network, folder } }, namespace) => {
  const always = ["--mesh-provider=gatewayapi:v1", "--host=127.0.0.1", "--port=0", "--drain-seconds=1"];
  count += 1;
  const { pid, exited } = await startProcess({
    name: `controller-${count}`,
    args: ["controller", `--kubeconfig=${users[controllerUser]}`, ...always, ...flagsOf(namespace)],
    env: { HTTP_PROXY: network.proxyUrl, NO_PROXY: "127.0.0.1,localhost" },
    logFolder: folder,
    isReady: ({ msg }) => msg === "working",
  });
  return { kill: () => void process.kill(pid, "SIGKILL"), over: exited };
};

/**
 * In this process, at the other end of wires that are cut: to the cluster and whoever is called there it looks like a process that was
 * killed, for none of the two can tell more of it than what comes over the wire. What it does cleanly afterwards, nobody gets.
 */
export const behindWires: Bear = async ({ sandbox: { users, network, folder, apiServer } }, namespace) => {
  const [toApiServer, toPods] = await Promise.all([layWire(apiServer.url), layWire(network.proxyUrl)]);
  count += 1;
  const kubeconfig = join(folder, `wire-${count}.kubeconfig`);
  const text = await readFile(users[controllerUser] ?? "", "utf8");
  await writeFile(kubeconfig, text.replaceAll(apiServer.url, toApiServer.url));
  const env = { HTTP_PROXY: toPods.url, NO_PROXY: "127.0.0.1,localhost" };
  const controller = await runController(kubeconfig, env, { flags: flagsOf(namespace) });
  const over = Promise.withResolvers<void>();
  const kill = (): void => {
    toApiServer.cut();
    toPods.cut();
    controller.stop().then(over.resolve, over.reject);
  };
  return { kill, over: over.promise };
};

interface Wire {
  readonly url: string;
  cut(): void;
}

/** A loopback port whose connections go on to another one. */
async function layWire(to: string): Promise<Wire> {
  const { protocol, hostname, port } = new URL(to);
  const ends = new Set<Socket>();
  const tie = (end: Socket, other: Socket): void => {
    ends.add(end);
    end.on("error", () => undefined);
    end.on("close", () => {
      ends.delete(end);
      other.destroy();
    });
    end.pipe(other);
  };
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    tie(near, far);
    tie(far, near);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `${protocol}//127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut() {
      server.close();
      for (const end of ends) end.destroy();
    },
  };
}
