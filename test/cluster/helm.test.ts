/**
 * The life of a release in helm 3 and helm 4, against the cluster of `WEIR_TEST_KUBECONFIG` or a sandbox. They differ
 * in how they write: helm 3 computes patches from what it wrote last, helm 4 applies on the server's side. The programs
 * are named by `WEIR_HELM3` and `WEIR_HELM4`, or are `helm3` and `helm4` in `.weir/tools`.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { RawObject } from "../../api/object.ts";
import { type Ended, findProgram, run, tools } from "./program.ts";
import { appears, type Room, skipLoudly, startTarget, type Target } from "./target.ts";

const chart = fileURLToPath(new URL("../fixtures/chart", import.meta.url));

const kinds = {
  deployment: { group: "apps", version: "v1", plural: "deployments", kind: "Deployment" },
  service: { group: "", version: "v1", plural: "services", kind: "Service" },
  autoscaler: {
    group: "autoscaling",
    version: "v2",
    plural: "horizontalpodautoscalers",
    kind: "HorizontalPodAutoscaler",
  },
  ingress: { group: "networking.k8s.io", version: "v1", plural: "ingresses", kind: "Ingress" },
  slice: { group: "discovery.k8s.io", version: "v1", plural: "endpointslices", kind: "EndpointSlice" },
  secret: { group: "", version: "v1", plural: "secrets", kind: "Secret" },
};
/** The kinds of the chart, which has one object of each. */
const charted = ["deployment", "service", "autoscaler", "ingress"] as const;

interface Deployment extends RawObject {
  readonly spec: {
    readonly replicas: number;
    readonly template: { readonly spec: { readonly containers: readonly { readonly image: string }[] } };
  };
  readonly status: { readonly updatedReplicas?: number; readonly readyReplicas?: number; readonly replicas?: number };
}

const versions = [
  { major: 3, path: findProgram(process.env["WEIR_HELM3"] ?? join(tools, "helm3")), atomic: "--atomic" },
  { major: 4, path: findProgram(process.env["WEIR_HELM4"] ?? join(tools, "helm4")), atomic: "--rollback-on-failure" },
];

describe("helm", { concurrency: true }, () => {
  let target: Target;
  before(async () => {
    target = await startTarget();
  });
  after(() => target.stop());

  for (const { major, path, atomic } of versions) {
    const remedy = `build it with go install helm.sh/helm/v${major}/cmd/helm, and let WEIR_HELM${major} name it`;
    const skip = path === undefined ? skipLoudly(`the tests of helm ${major}`, remedy) : false;
    describe(`helm ${major}`, { concurrency: 1 }, () => {
      let room: Room;
      before(async () => {
        if (path !== undefined) room = await target.room(`weir-helm${major}`);
      });

      const helm = (...args: string[]): Promise<Ended> =>
        run({
          program: path ?? "",
          args,
          env: { KUBECONFIG: room.kubeconfig, HOME: join(target.folder, `helm${major}`) },
        });
      const succeed = async (...args: string[]): Promise<string> => {
        const ended = await helm(...args);
        assert.equal(ended.exit, 0, `helm ${args.join(" ")}: ${ended.stderr}`);
        return ended.stdout;
      };
      const get = async (kind: keyof typeof kinds): Promise<RawObject | undefined> =>
        await target.api.get({ resource: kinds[kind], namespace: room.namespace, name: "web" });
      const deployment = async () => (await get("deployment")) as Deployment;
      const imageOf = ({ spec }: Deployment) => spec.template.spec.containers[0]?.image;
      const history = async (): Promise<string[]> =>
        JSON.parse(await succeed("history", "web", "-o", "json")).map(
          ({ revision, status }: { revision: number; status: string }) => `${revision} ${status}`,
        );
      /** A test of pods that run; `--wait` would wait in vain for others. */
      const running = (title: string, test: () => Promise<void>) =>
        it(title, { skip }, async (context) => {
          if (target.noPods !== undefined) return context.skip(skipLoudly(`${title} (helm ${major})`, target.noPods));
          await test();
        });

      it("a dry run on the server writes nothing, and a broken chart is refused in the server's words", {
        skip,
      }, async () => {
        assert.match(await succeed("install", "web", chart, "--dry-run=server"), /kind: Ingress/);
        const refused = await helm("install", "web", chart, "--set", "replicas=-1");
        assert.notEqual(refused.exit, 0);
        assert.match(refused.stderr, /spec\.replicas: Invalid value: -1: must be greater than or equal to 0/);
        await helm("uninstall", "web", "--wait", "--ignore-not-found");
        for (const kind of charted) assert.equal(await get(kind), undefined, kind);
      });

      running("install --wait returns once every pod is ready", async () => {
        await succeed("install", "web", chart, "--wait", "--timeout", "20s");
        const { status, metadata } = await deployment();
        assert.equal(status.readyReplicas, 2);
        assert.equal(metadata.annotations?.["meta.helm.sh/release-name"], "web");
        for (const kind of charted) assert.ok((await get(kind)) !== undefined, kind);
        const labelSelector = "kubernetes.io/service-name=web";
        const slices = await target.api.list(kinds.slice, { namespace: room.namespace, labelSelector });
        assert.equal(slices.flatMap((slice) => slice["endpoints"] as unknown[]).length, 2);
        assert.deepEqual(await history(), ["1 deployed"]);
      });

      running("installing what is there already is refused", async () => {
        const again = await helm("install", "web", chart);
        assert.match(
          again.stderr,
          /cannot re-use a name that is still in use|cannot reuse a name that is still in use/,
        );
        assert.notEqual(again.exit, 0);
      });

      running("upgrade --wait returns once the new pods have taken over, and keeps what others wrote", async () => {
        const ref = { resource: kinds.deployment, namespace: room.namespace, name: "web" };
        await target.api.mergePatch(ref, { metadata: { annotations: { "example.com/note": "ours" } } });
        await succeed("upgrade", "web", chart, "--set", "image.tag=6.0.1", "--wait", "--timeout", "20s");
        const upgraded = await deployment();
        assert.equal(imageOf(upgraded), "podinfo:6.0.1");
        assert.equal(upgraded.status.updatedReplicas, 2);
        assert.equal(upgraded.status.replicas, 2);
        assert.equal(upgraded.metadata.annotations?.["example.com/note"], "ours");
        assert.deepEqual(await history(), ["1 superseded", "2 deployed"]);
      });

      running("an upgrade that does not become ready in time is taken back", async () => {
        const args = ["--set", "image.repository=registry.invalid/not-found", "--wait", "--timeout", "1s"];
        const failed = await helm("upgrade", "web", chart, atomic, ...args);
        assert.notEqual(failed.exit, 0);
        assert.match(failed.stderr, /rolled back|rollback/);
        assert.equal(imageOf(await deployment()), "podinfo:6.0.1");
        assert.deepEqual(await history(), ["1 superseded", "2 superseded", "3 failed", "4 deployed"]);
      });

      running("rollback --wait brings back the pods of an earlier revision", async () => {
        await succeed("rollback", "web", "1", "--wait", "--timeout", "20s");
        const restored = await deployment();
        assert.equal(imageOf(restored), "podinfo:6.0.0");
        assert.equal(restored.status.updatedReplicas, 2);
        assert.equal((await history()).at(-1), "5 deployed");
      });

      running("a value that someone else has taken over is overwritten by helm 3 and disputed by helm 4", async () => {
        const taken = {
          apiVersion: "apps/v1",
          kind: "Deployment",
          metadata: { name: "web", namespace: room.namespace },
          spec: { replicas: 4 },
        };
        await target.api.apply(kinds.deployment, taken, { fieldManager: "someone", force: true });
        const upgraded = await helm("upgrade", "web", chart, "--set", "replicas=3");
        if (major === 3) assert.equal(upgraded.exit, 0, upgraded.stderr);
        else assert.match(upgraded.stderr, /conflict with "someone".*\.spec\.replicas/);
        assert.equal((await deployment()).spec.replicas, major === 3 ? 3 : 4);
        if (major === 4) await succeed("upgrade", "web", chart, "--set", "replicas=3", "--force-conflicts");
        assert.equal(((await get("autoscaler")) as RawObject & { spec: { minReplicas: number } }).spec.minReplicas, 3);
      });

      running("uninstall --wait leaves nothing", async () => {
        await succeed("uninstall", "web", "--wait", "--timeout", "20s");
        for (const kind of charted) assert.equal(await get(kind), undefined, kind);
        const secrets = await target.api.list(kinds.secret, { namespace: room.namespace, labelSelector: "owner=helm" });
        assert.deepEqual(secrets, []);
        await appears(async () => {
          const pods = { group: "", version: "v1", plural: "pods", kind: "Pod" };
          return (await target.api.list(pods, { namespace: room.namespace })).length === 0;
        }, "the pods to go");
      });
    });
  }
});
