import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { annotations, fieldsOf, knownKeys, type RawObject } from "../../../api/index.ts";
import { fits } from "../../../controller/workloads/fits.ts";
import { workloadKindOf } from "../../../controller/workloads/registry.ts";
import { service } from "../../../controller/workloads/service.ts";
import { aCanary } from "../aCanary.ts";

const canary = aCanary().build();
const options = { selectorLabels: ["app"], includeLabelPrefix: ["team"] };

/** The user's Service `shop`, as an API server returns it. */
function aService(spec: object = {}): RawObject {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name: "shop",
      namespace: "demo",
      uid: "s1",
      labels: { team: "a", app: "shop" },
      annotations: { [knownKeys.lastApplied]: "{}", [annotations.changedBy]: "jane", mine: "1" },
    },
    spec: {
      type: "NodePort",
      clusterIP: "10.0.0.1",
      clusterIPs: ["10.0.0.1"],
      healthCheckNodePort: 30001,
      loadBalancerIP: "192.0.2.1",
      externalIPs: ["192.0.2.2"],
      sessionAffinity: "None",
      selector: { app: "shop", version: "1" },
      ports: [{ name: "http", protocol: "TCP", port: 80, targetPort: 8080, nodePort: 30000 }],
      ...spec,
    },
  };
}

const canaryCopy = (target: RawObject) => service.services?.service(canary, "canary", target, undefined, options);

describe("a Service as target", () => {
  it("is copied without what the cluster gave to it alone", () => {
    const { apiVersion, metadata, spec } = service.primary(canary, aService(), options);
    assert.deepEqual([apiVersion, metadata.name, metadata.namespace], ["v1", "shop-primary", "demo"]);
    assert.equal(metadata.ownerReferences?.[0]?.controller, true);
    assert.deepEqual(spec, {
      type: "NodePort",
      sessionAffinity: "None",
      selector: { app: "shop", version: "1" },
      ports: [{ name: "http", protocol: "TCP", port: 80, targetPort: 8080 }],
    });
  });

  it("gives its labels and annotations to the canary's copy, and those of the prefixes to the primary's; none that are tools' own", () => {
    const revision = { [annotations.revision]: service.revisionOfTarget(aService()) };
    const copy = canaryCopy(aService())?.metadata;
    assert.deepEqual(copy?.labels, { team: "a", app: "shop" });
    assert.deepEqual(copy?.annotations, { mine: "1", ...revision });
    const primary = service.primary(canary, aService(), options).metadata;
    assert.deepEqual(primary.labels, { team: "a" });
    assert.deepEqual(primary.annotations, { ...revision, [annotations.template]: revision[annotations.revision] });
  });

  it("has copies without an address when it has none", () => {
    assert.equal(fieldsOf(canaryCopy(aService({ clusterIP: "None" }))?.["spec"])["clusterIP"], "None");
  });

  it("is of another revision when its spec says something else, not when the cluster gives it another address", () => {
    const { revisionOfTarget } = service;
    const before = revisionOfTarget(aService());
    assert.notEqual(revisionOfTarget(aService({ selector: { app: "shop", version: "2" } })), before);
    assert.equal(revisionOfTarget(aService({ clusterIP: "10.0.0.9", healthCheckNodePort: 1 })), before);
  });

  it("has a canary's copy that differs by what it no longer says, too", () => {
    const copy = canaryCopy(aService({ publishNotReadyAddresses: true })) as RawObject;
    const now = canaryCopy(aService()) as RawObject;
    assert.equal(fits(copy, now), "differs");
    assert.equal(fits(now, now), "fits");
  });

  it("is reached through its copies; one that is a name elsewhere has no endpoints to ask for", () => {
    const reached = (spec: object) => service.services?.reached(canary, aService(spec));
    assert.deepEqual(reached({}), { canary: "shop-canary", primary: "shop-primary" });
    assert.deepEqual(reached({ type: "ExternalName", externalName: "shop.example.org" }), {});
  });

  it("loses ports in the primary's copy that others added", () => {
    const wanted = service.primary(canary, aService(), options);
    assert.equal(service.withoutOthers?.(wanted, wanted), undefined);
    const ports = [
      { name: "http", protocol: "TCP", port: 80, targetPort: 8080 },
      { name: "x", port: 1 },
    ];
    const written = { ...wanted, spec: { ...(wanted["spec"] as object), ports } };
    assert.deepEqual(service.withoutOthers?.(wanted, written), {
      spec: {
        selector: { app: "shop", version: "1" },
        ports: [{ name: "http", protocol: "TCP", port: 80, targetPort: 8080 }],
      },
    });
  });

  for (const apiVersion of ["v1", "core/v1"])
    it(`is known as ${apiVersion}`, () => {
      assert.equal(workloadKindOf({ apiVersion, kind: "Service", name: "shop" }), service);
    });
});
