import assert from "node:assert/strict";
import { join } from "node:path";
import type { RawObject } from "../../../api/index.ts";
import type { ReleaseCluster } from "../../sandbox/release/cluster.ts";
import { resourceOf } from "../../sandbox/release/manifests.ts";
import { findProgram, run, tools } from "../program.ts";
import { withChart } from "./shop.ts";

/** Somebody who installs an application and applies it again: a chart's owner, or a GitOps tool. */
interface Writer {
  readonly name: string;
  /** How to get it, where it is missing. */
  readonly missing: string | undefined;
  /** The first time and every time after. */
  write(cluster: ReleaseCluster, objects: readonly RawObject[]): Promise<void>;
  /** Back to what was written first. */
  rollback(cluster: ReleaseCluster, first: readonly RawObject[]): Promise<void>;
  uninstall(cluster: ReleaseCluster, objects: readonly RawObject[]): Promise<void>;
}

export const writers: readonly Writer[] = [
  helm(3, []),
  // What the controller has taken over is in dispute: helm 4 gives up without.
  helm(4, ["--force-conflicts"]),
  {
    name: "server-side apply",
    missing: undefined,
    write: async (cluster, objects) => void (await cluster.apply(...objects)),
    rollback: async (cluster, first) => void (await cluster.apply(...first)),
    async uninstall({ api }, objects) {
      for (const object of objects) {
        const { name = "", namespace = "" } = object.metadata;
        await api.delete({ resource: resourceOf(object), namespace, name });
      }
    },
  },
];

function helm(major: 3 | 4, insisting: readonly string[]): Writer {
  const program = findProgram(process.env[`WEIR_HELM${major}`] ?? join(tools, `helm${major}`));
  const call = async (cluster: ReleaseCluster, namespace: string, ...args: readonly string[]): Promise<void> => {
    const { kubeconfigPath: KUBECONFIG, folder: HOME } = cluster.sandbox;
    const ended = await run({
      program: program ?? "",
      args: [...args, "--namespace", namespace],
      env: { KUBECONFIG, HOME },
    });
    assert.equal(ended.exit, 0, `helm ${args.join(" ")}: ${ended.stderr}`);
  };
  return {
    name: `helm ${major}`,
    missing:
      program === undefined
        ? `build it with go install helm.sh/helm/v${major}/cmd/helm, and let WEIR_HELM${major} name it`
        : undefined,
    write: (cluster, objects) =>
      withChart(objects, cluster.sandbox.folder, (chart) =>
        call(cluster, namespaceOf(objects), "upgrade", "--install", "podinfo", chart, ...insisting),
      ),
    rollback: (cluster, first) => call(cluster, namespaceOf(first), "rollback", "podinfo", "1", ...insisting),
    uninstall: (cluster, objects) => call(cluster, namespaceOf(objects), "uninstall", "podinfo"),
  };
}

function namespaceOf([first]: readonly RawObject[]): string {
  return first?.metadata.namespace ?? "";
}
