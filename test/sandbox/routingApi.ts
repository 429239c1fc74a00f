import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadAll } from "js-yaml";
import type { RawObject } from "../../api/index.ts";
import { type Api, createApi } from "../../controller/kube/api.ts";
import { loadKubeConfig } from "../../controller/kube/config.ts";
import { createTransport } from "../../controller/kube/transport.ts";
import { startApiServer } from "../../sandbox/apiserver/server.ts";

const crds = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
};
const namespaces = { group: "", version: "v1", plural: "namespaces", kind: "Namespace" };

/** An API server without controllers, with one namespace and the named files of examples/crds, and its administrator's way to it. */
export async function startRoutingApi(
  namespace: string,
  files: readonly string[],
): Promise<{ readonly api: Api; stop(): Promise<void> }> {
  const server = await startApiServer({ log: () => undefined });
  const folder = await mkdtemp(join(tmpdir(), "routing-api-"));
  const path = join(folder, "kubeconfig");
  await writeFile(path, server.kubeconfig("admin"));
  const transport = createTransport(await loadKubeConfig({ path, env: {} }), { userAgent: "weir-test/1" });
  const api = createApi(transport);
  await api.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
  for (const file of files) {
    const text = await readFile(new URL(`../../examples/crds/${file}`, import.meta.url), "utf8");
    for (const crd of loadAll(text) as RawObject[]) await api.create(crds, crd);
  }
  return {
    api,
    async stop() {
      await transport.close();
      await server.stop();
      await rm(folder, { recursive: true });
    },
  };
}
