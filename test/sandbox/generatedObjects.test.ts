import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  type Canary,
  fieldManagers,
  fieldsOf,
  type ObjectRef,
  type RawObject,
  serviceResource,
} from "../../api/index.ts";
import type { Api } from "../../controller/kube/api.ts";
import { routerFor } from "../../controller/routers/registry.ts";
import { horizontalPodAutoscaler } from "../../controller/scalers/hpa.ts";
import { deployment, primaryDeployment } from "../../controller/workloads/deployment.ts";
import { fits } from "../../controller/workloads/fits.ts";
import { generatedService } from "../../controller/workloads/services.ts";
import { aCanary } from "../unit/aCanary.ts";
import { aDeployment } from "../unit/workloads/aDeployment.ts";
import { startRoutingApi } from "./routingApi.ts";

const namespace = "demo";
const options = { selectorLabels: ["app"], includeLabelPrefix: [] };
const label = { key: "app", value: "shop" };
/** What an API server makes of our objects: its defaults must never look like a change, and applying again must write nothing. */
describe("generated objects in an API server", () => {
  let api: Api;
  let stop: () => Promise<void>;

  before(async () => {
    ({ api, stop } = await startRoutingApi(namespace, ["gateway-api.yaml", "traefik.yaml"]));
  });
  after(() => stop());

  /** Applies twice and expects the second time to write nothing; the stored object. */
  async function applied(resource: ObjectRef["resource"], object: RawObject, fieldManager: string): Promise<RawObject> {
    const first = await api.apply(resource, object, { fieldManager, force: true });
    const second = await api.apply(resource, object, { fieldManager, force: true });
    assert.equal(second.metadata.resourceVersion, first.metadata.resourceVersion, "the second apply wrote something");
    return second;
  }

  it("keep a primary that fits its target, and follow the target when a field goes", async () => {
    const canary = aCanary().build();
    const pods = { terminationGracePeriodSeconds: 5, nodeSelector: { disk: "ssd" } };
    const target = await api.create(deployment.resource, aDeployment({ pods, metadata: { uid: undefined } }));
    const desired = primaryDeployment(canary, target, { ...options, replicas: 2 });
    const live = await applied(deployment.resource, desired, fieldManagers.workload);
    assert.equal(fits(live, desired), "fits");

    const { nodeSelector: _gone, ...podSpec } = fieldsOf(fieldsOf(fieldsOf(target["spec"])["template"])["spec"]);
    const template = { ...fieldsOf(fieldsOf(target["spec"])["template"]), spec: podSpec };
    const changed = { ...target, spec: { ...fieldsOf(target["spec"]), template } };
    const next = primaryDeployment(canary, changed, { ...options, replicas: 2 });
    const promoted = await applied(deployment.resource, next, fieldManagers.workload);
    assert.equal(fits(promoted, next), "fits");
    const promotedSpec = fieldsOf(fieldsOf(fieldsOf(promoted["spec"])["template"])["spec"]);
    assert.equal("nodeSelector" in promotedSpec, false);
  });

  for (const headless of [false, true]) {
    it(`keep ${headless ? "headless " : ""}Services that fit, whatever address and node port they got`, async () => {
      const canary = aCanary()
        .service({ name: headless ? "quiet" : "loud", headless, appProtocol: "http", portDiscovery: true })
        .build();
      for (const role of ["canary", "primary", "apex"] as const) {
        const wanted = (live?: RawObject) => generatedService(canary, role, label, aDeployment(), live);
        const live = await applied(serviceResource, wanted(), fieldManagers.service);
        assert.equal(fits(live, wanted(live)), "fits");
        assert.equal(fits(await applied(serviceResource, wanted(live), fieldManagers.service), wanted(live)), "fits");
      }
    });
  }

  it("take over a user's Service by merge patch: extra port and selector label go, the rest stays", async () => {
    const canary = aCanary().service({ name: "mine" }).build();
    const ref = { resource: serviceResource, namespace, name: "mine" };
    const users = await api.create(serviceResource, {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "mine", namespace, labels: { team: "a" } },
      spec: {
        type: "NodePort",
        selector: { app: "shop", tier: "web" },
        ports: [
          { name: "http", port: 8080 },
          { name: "admin", port: 9999 },
        ],
      },
    });
    const wanted = generatedService(canary, "apex", label, aDeployment(), users);
    assert.equal(fits(users, wanted), "differs");
    const taken = await api.mergePatch(ref, wanted, { fieldManager: fieldManagers.service });
    assert.equal(fits(taken, generatedService(canary, "apex", label, aDeployment(), taken)), "fits");
    assert.deepEqual(fieldsOf(taken["spec"])["selector"], { app: "shop-primary" });
    const [port] = fieldsOf(taken["spec"])["ports"] as { nodePort?: number }[];
    const [before] = fieldsOf(users["spec"])["ports"] as { nodePort?: number }[];
    assert.equal(port?.nodePort, before?.nodePort);
    assert.equal(taken.metadata.labels?.["team"], "a");
  });

  it("keep an autoscaler that fits its source", async () => {
    const ref = { apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler", name: "shop" } as const;
    const canary = aCanary().spec({ autoscalerRef: ref }).build();
    const source = await api.create(horizontalPodAutoscaler.resource, {
      apiVersion: "autoscaling/v2",
      kind: "HorizontalPodAutoscaler",
      metadata: { name: "shop", namespace },
      spec: {
        scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "shop" },
        maxReplicas: 4,
        behavior: { scaleDown: { stabilizationWindowSeconds: 60 } },
      },
    });
    const desired = horizontalPodAutoscaler.primary(canary, source);
    const live = await applied(horizontalPodAutoscaler.resource, desired, fieldManagers.scaler);
    assert.equal(fits(live, desired), "fits");
  });

  const routed: Record<string, Canary> = {
    "gatewayapi:v1": aCanary()
      .service({
        name: "gw1",
        timeout: "15s",
        match: [{ headers: { "x-a": { exact: "1" } } }],
        corsPolicy: { allowOrigin: ["*"] },
      })
      .build(),
    "gatewayapi:v1beta1": aCanary().service({ name: "gw1beta1" }).build(),
    traefik: aCanary().service({ name: "tr" }).build(),
  };
  for (const [provider, canary] of Object.entries(routed)) {
    it(`keep a route of ${provider} that fits, and the user's own fields on it, through a whole release`, async () => {
      const router = routerFor(provider);
      assert.ok(router);
      const [ref] = router.watches(canary);
      assert.ok(ref);
      let live: RawObject | undefined;
      for (const share of [0, 10, 100, 0]) {
        const traffic = { primary: 100 - share, canary: share, mirror: false };
        const [body] = router.render(canary, traffic, () => live);
        assert.ok(body);
        live = await applied(ref.resource, body, fieldManagers.route);
        assert.equal(
          router.fit(canary, () => live),
          "fits",
        );
        assert.deepEqual(
          router.read(canary, () => live),
          traffic,
        );
        live = await api.mergePatch(ref, { metadata: { annotations: { note: "mine" } } });
      }
      assert.equal(live?.metadata.annotations?.["note"], "mine");
    });
  }
});
