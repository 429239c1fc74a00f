import { startApiServer } from "../../sandbox/apiserver/server.ts";
import type { ApiServer, Client, KubeObject, UserInfo } from "../../sandbox/apiserver/types.ts";
import { startControllers } from "../../sandbox/controllers/start.ts";
import { recordedDefinitions } from "./recording.ts";

const admin: UserInfo = { username: "admin", groups: ["system:masters", "system:authenticated"] };

/** A control plane as the recorder had one: an API server, and the controllers where a scenario had them. */
export interface ControlPlane {
  readonly server: ApiServer;
  readonly client: Client;
  createNamespace(name: string): Promise<void>;
  /** Lets it be as late as it was when what is recorded was answered. */
  reach(recorded: unknown): void;
  /** Lets a controller rest until the function that is returned is called. */
  freeze(controller: string): () => void;
  stop(): Promise<void>;
}

export async function startControlPlane(options: { controllers: boolean; rootCa?: boolean }): Promise<ControlPlane> {
  // Owners are ordered by time: what the recorder did within one second must not fall into two, nor two into one.
  const start = Date.now();
  let second = 0;
  const clock = () => new Date(start + second * 1_000);
  const server = await startApiServer({ log: () => undefined, clock, issuer: "https://lab" });
  const client = server.as(admin);
  const controllers = options.controllers
    ? startControllers({
        client: (username) => server.as({ username, groups: ["system:masters", "system:authenticated"] }),
        ca: server.ca,
        clock,
      })
    : undefined;
  for (const definition of recordedDefinitions()) {
    await client.create("customresourcedefinitions.apiextensions.k8s.io", definition as KubeObject);
  }
  return {
    server,
    client,
    async createNamespace(name) {
      const metadata = { name: "default", namespace: name };
      await client.create(
        "namespaces",
        { apiVersion: "v1", kind: "Namespace", metadata: { name } },
        as("example-client"),
      );
      if (options.controllers) return;
      await client.create("serviceaccounts", { apiVersion: "v1", kind: "ServiceAccount", metadata });
      if (!options.rootCa) return;
      const rootCa = { metadata: { ...metadata, name: "kube-root-ca.crt" }, data: { "ca.crt": server.ca } };
      await client.create("configmaps", { apiVersion: "v1", kind: "ConfigMap", ...rootCa });
    },
    reach(recorded) {
      for (const [, number] of (JSON.stringify(recorded) ?? "").matchAll(/\{\{time:(\d+)\}\}/g)) {
        second = Math.max(second, Number(number));
      }
    },
    freeze: (controller) => controllers?.freeze(controller) ?? (() => undefined),
    async stop() {
      await controllers?.stop();
      await server.stop();
    },
  };
}

function as(fieldManager: string): { fieldManager: string } {
  return { fieldManager };
}
