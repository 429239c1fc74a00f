/** Whoever has the verb `bypass` on a Canary, and says why, writes what is its own. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type RawObject, type Resource, WeirError } from "../../../api/index.ts";
import { type Api, createApi } from "../../../controller/kube/api.ts";
import { loadKubeConfig } from "../../../controller/kube/config.ts";
import { createTransport } from "../../../controller/kube/transport.ts";
import type { AuditEvent } from "../../../sandbox/apiserver/audit.ts";
import { type ReleaseCluster, startReleaseCluster } from "./cluster.ts";
import { aRelease } from "./manifests.ts";
import type { Measured } from "./weir.ts";

const namespace = "glass";
const rbac = "rbac.authorization.k8s.io";
const deployments: Resource = { group: "apps", version: "v1", plural: "deployments", kind: "Deployment" };
const services: Resource = { group: "", version: "v1", plural: "services", kind: "Service" };
const primary = { resource: deployments, namespace, name: "podinfo-primary" };
const service = { resource: services, namespace, name: "podinfo-primary" };
const image = (tag: string) => [
  { op: "replace", path: "/spec/template/spec/containers/0/image", value: `stefanprodan/podinfo:${tag}` },
];
const reason = (why: string) => ({ metadata: { annotations: { "weir.sh/bypass": why } } });

/** A Role in the namespace, bound to a user. */
function role(user: string, rules: readonly object[]): readonly RawObject[] {
  const metadata = { name: user, namespace };
  return [
    { apiVersion: `${rbac}/v1`, kind: "Role", metadata, rules },
    {
      apiVersion: `${rbac}/v1`,
      kind: "RoleBinding",
      metadata,
      roleRef: { apiGroup: rbac, kind: "Role", name: user },
      subjects: [{ apiGroup: rbac, kind: "User", name: user }],
    },
  ];
}

describe("breaking the glass", () => {
  let cluster: ReleaseCluster;
  let server: Measured;
  let dev: Api;
  let oncall: Api;
  const audited: AuditEvent[] = [];
  const editor = { apiGroups: ["apps", ""], resources: ["deployments", "services"], verbs: ["*"] };
  const breaker = {
    apiGroups: ["flagger.app"],
    resources: ["canaries"],
    verbs: ["bypass"],
    resourceNames: ["podinfo"],
  };

  before(async () => {
    cluster = await startReleaseCluster({ audited: (event) => audited.push(event) });
    [server] = await Promise.all([cluster.startServer(), cluster.startController()]);
    await cluster.bootstrap(aRelease(namespace));
    await cluster.apply(...role("dev", [editor]), ...role("oncall", [editor, breaker]));
    [dev, oncall] = await Promise.all([as("dev"), as("oncall")]);
  });
  after(() => cluster.stop());

  async function as(user: string): Promise<Api> {
    const path = join(cluster.sandbox.folder, `${user}.kubeconfig`);
    await writeFile(path, cluster.sandbox.apiServer.kubeconfig(user, []), { mode: 0o600 });
    const transport = createTransport(await loadKubeConfig({ path, env: {} }), { userAgent: "kubectl/test" });
    cluster.atEnd.push(() => transport.close());
    return createApi(transport);
  }
  async function refused(write: Promise<unknown>): Promise<void> {
    await assert.rejects(write, (error: unknown) => {
      assert.ok(error instanceof WeirError);
      assert.equal(error.answer?.status, 422);
      assert.match(
        error.message,
        /canary podinfo owns this field: change spec\.template of Deployment podinfo instead/,
      );
      assert.match(error.message, /with the right to bypass, annotate it first with weir\.sh\/bypass=<why>/);
      return true;
    });
  }
  const bypassed = async (): Promise<number> =>
    [...(await server.metrics()).matchAll(/weir_admission_seconds_count\{.*reason="Bypassed"\} (\d+)/g)].reduce(
      (sum, [, count]) => sum + Number(count),
      0,
    );
  const imageOf = () =>
    cluster.deployment(namespace, "podinfo-primary")["spec"].template.spec.containers[0].image.split(":")[1];

  it("without the verb a write is refused, whatever reason it gives; with the verb, when it gives none", async () => {
    await refused(oncall.jsonPatch(primary, image("6.0.9")));
    await dev.mergePatch(primary, reason("I want to"));
    await refused(dev.jsonPatch(primary, image("6.0.9")));
    await dev.mergePatch(primary, { metadata: { annotations: { "weir.sh/bypass": null } } });
    assert.equal(imageOf(), "6.0.0");
    assert.equal(await bypassed(), 0);
  });

  it("with both it passes, and is seen: a warning, an event, a count, a line of the audit log", async () => {
    await oncall.mergePatch(primary, reason("outage"));
    const warnings: string[] = [];
    await oncall.jsonPatch(primary, image("6.0.9"), { onWarning: (text) => warnings.push(text) });
    assert.deepEqual(warnings, ["Weir: let through by your right to bypass canary podinfo"]);
    assert.equal(imageOf(), "6.0.9");
    assert.equal(await bypassed(), 1);
    await cluster.untilTold(namespace, "oncall wrote Deployment podinfo-primary past the protection of canary podinfo");
    const writes = audited.filter(
      ({ objectRef: { name }, user }) => name === primary.name && user.username === "oncall",
    );
    const webhook = "deployments.apps.weir.sh";
    assert.deepEqual(
      writes.map(({ verb, responseStatus: { code }, annotations = {} }) => [
        verb,
        code,
        annotations[`${webhook}/outcome`],
        annotations[`${webhook}/canary`],
        annotations[`${webhook}/fields`],
      ]),
      [
        ["patch", 422, "OwnedFieldsRefused", "podinfo", "spec.template"],
        ["patch", 200, "Unchanged", undefined, undefined],
        ["patch", 200, "Bypassed", "podinfo", "spec.template"],
      ],
    );
  });

  it("the template of a primary is left as it was written, and the next promotion overwrites it", async () => {
    // The controller has looked at everything again once it has moved this number.
    const target = { ...primary, name: "podinfo" };
    await cluster.api.mergePatch(target, { spec: { replicas: 2 } });
    await cluster.until("two replicas of the primary", () => {
      return cluster.deployment(namespace, "podinfo-primary")["status"]?.readyReplicas === 2;
    });
    assert.equal(imageOf(), "6.0.9");
    await cluster.setImage(namespace, "6.0.1");
    assert.equal((await cluster.untilOver(namespace)).status?.phase, "Succeeded");
    assert.equal(imageOf(), "6.0.1");
  });

  it("once the reason is taken off, the template is put back", async () => {
    await oncall.jsonPatch(primary, image("6.0.9"));
    assert.equal(imageOf(), "6.0.9");
    await oncall.mergePatch(primary, { metadata: { annotations: { "weir.sh/bypass": null } } });
    await cluster.until("the template put back", () => imageOf() === "6.0.1");
  });

  it("what traffic depends on is put back by the controller, unless the Canary is suspended", async () => {
    const selector = () => cluster.look.get("services", namespace, service.name)?.["spec"].selector;
    const ours = selector();
    await oncall.mergePatch(service, reason("outage"));
    await oncall.mergePatch(service, { spec: { selector: { app: "podinfo" } } });
    await cluster.until("the selector put back", () => selector().app === ours.app);
    const canary = { group: "flagger.app", version: "v1beta1", plural: "canaries", kind: "Canary" };
    await cluster.api.mergePatch({ resource: canary, namespace, name: "podinfo" }, { spec: { suspend: true } });
    await cluster.untilTold(namespace, "skipping canary run as object is suspended");
    await oncall.mergePatch(service, { spec: { selector: { app: "podinfo" } } });
    await oncall.mergePatch(service, { metadata: { labels: { seen: "again" } } });
    await oncall.mergePatch(primary, reason("outage"));
    await oncall.delete(primary);
    await cluster.until("the primary being gone", () => {
      return cluster.look.get("deployments.apps", namespace, primary.name) === undefined;
    });
    assert.deepEqual(selector(), { app: "podinfo" });
  });
});
