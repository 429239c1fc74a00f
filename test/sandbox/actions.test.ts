import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Canary, fieldsOf, keyOf, type ObjectRef, type RawObject, serviceResource } from "../../api/index.ts";
import { act, type ObjectAction } from "../../controller/act/act.ts";
import type { Api } from "../../controller/kube/api.ts";
import { allRefs, refsOf } from "../../controller/observe/refs.ts";
import { routerFor } from "../../controller/routers/registry.ts";
import { deployment } from "../../controller/workloads/deployment.ts";
import { fits } from "../../controller/workloads/fits.ts";
import { generatedService } from "../../controller/workloads/services.ts";
import { aCanary } from "../unit/aCanary.ts";
import { aDeployment } from "../unit/workloads/aDeployment.ts";
import { startRoutingApi } from "./routingApi.ts";

const namespace = "demo";
const label = { key: "app", value: "shop" };
const provider = "gatewayapi:v1";
/** What an action leaves behind must be what the next look calls right; otherwise it is done again and again. */
describe("actions on an API server", () => {
  let api: Api;
  let stop: () => Promise<void>;

  before(async () => {
    ({ api, stop } = await startRoutingApi(namespace, ["gateway-api.yaml"]));
    await api.create(deployment.resource, aDeployment({ metadata: { uid: undefined } }));
  });
  after(() => stop());

  /** Performs it on what the server has now. */
  async function perform(canary: Canary, action: ObjectAction, selectorLabels = ["app"]): Promise<void> {
    const refs = allRefs(refsOf(canary, provider));
    const objects = await Promise.all(refs.map((ref) => api.get(ref)));
    const cached = new Map(objects.flatMap((object) => (object === undefined ? [] : [[idOf(object), object]])));
    const caches = {
      get: (ref: ObjectRef) => cached.get(`${ref.resource.kind} ${ref.namespace}/${ref.name}`),
      expect: () => undefined,
      controlledBy: () => [],
    };
    const { signal } = new AbortController();
    await act(canary, action, {
      api,
      caches,
      meshProvider: provider,
      selectorLabels,
      includeLabelPrefix: [],
      configTracking: true,
      signal,
    });
  }
  const idOf = (object: RawObject): string => `${object.kind} ${keyOf(object.metadata)}`;
  const get = async (resource: ObjectRef["resource"], name: string): Promise<RawObject> => {
    const object = await api.get({ resource, namespace, name });
    assert.ok(object);
    return object;
  };

  it("take an extra port and an extra selector label from a Service of ours", async () => {
    const canary = aCanary().service({ name: "own" }).build();
    await perform(canary, { kind: "ensure", object: "apexService" });
    const patch = {
      spec: {
        selector: { tier: "web" },
        ports: [
          { name: "http", port: 8080 },
          { name: "debug", port: 9999 },
        ],
      },
    };
    await api.mergePatch({ resource: serviceResource, namespace, name: "own" }, patch, {
      fieldManager: "kubectl-edit",
    });
    await perform(canary, { kind: "ensure", object: "apexService" });
    const live = await get(serviceResource, "own");
    assert.equal(fits(live, generatedService(canary, "apex", label, aDeployment(), live)), "fits");
  });

  it("take a host that somebody added from a route of ours", async () => {
    const canary = aCanary().service({ name: "routed" }).build();
    const router = routerFor(provider);
    const [ref] = router?.watches(canary) ?? [];
    assert.ok(router !== undefined && ref !== undefined);
    const traffic = { primary: 90, canary: 10, mirror: false };
    await perform(canary, { kind: "ensure", object: "route", traffic });
    await api.mergePatch(ref, { spec: { hostnames: ["mine.example"] } }, { fieldManager: "kubectl-edit" });
    await perform(canary, { kind: "ensure", object: "route", traffic });
    const live = await get(ref.resource, "routed");
    assert.equal(
      router.fit(canary, () => live),
      "fits",
    );
  });

  it("leave a user's Service alone that never turned to the primary, and end where no label can be found", async () => {
    const canary = aCanary().service({ name: "users" }).build();
    const users = await api.create(serviceResource, {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "users", namespace },
      spec: { selector: { app: "shop", tier: "web" }, ports: [{ name: "http", port: 80 }] },
    });
    await perform(canary, { kind: "handBack", to: "target" });
    await perform(canary, { kind: "handBack", to: "target" }, ["other"]);
    assert.deepEqual(fieldsOf((await get(serviceResource, "users"))["spec"]), fieldsOf(users["spec"]));
  });

  it("hand a Service of ours back to the target, whatever it selects", async () => {
    const canary = aCanary().service({ name: "ours" }).build();
    await perform(canary, { kind: "ensure", object: "apexService" });
    await perform(canary, { kind: "handBack", to: "target" });
    const live = await get(serviceResource, "ours");
    assert.deepEqual(fieldsOf(live["spec"])["selector"], { app: "shop" });
    assert.equal(live.metadata.ownerReferences, undefined);
  });
});
