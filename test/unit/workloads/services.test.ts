import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fieldsOf, type RawObject } from "../../../api/index.ts";
import { fits } from "../../../controller/workloads/fits.ts";
import { generatedService, releasedApex } from "../../../controller/workloads/services.ts";
import type { ServiceRole } from "../../../controller/workloads/workload.ts";
import { aCanary } from "../aCanary.ts";
import { aDeployment } from "./aDeployment.ts";

const label = { key: "app", value: "shop" };
const marks = {
  "kustomize.toolkit.fluxcd.io/reconcile": "disabled",
  "helm.toolkit.fluxcd.io/driftDetection": "disabled",
};
const owner = {
  apiVersion: "flagger.app/v1beta1",
  kind: "Canary",
  name: "shop",
  uid: "7f0c",
  controller: true,
  blockOwnerDeletion: true,
};
const main = { name: "http", protocol: "TCP", port: 8080, targetPort: 8080 };
const canary = aCanary().build();

function service(role: ServiceRole, of = canary, live?: RawObject, target = aDeployment()): RawObject {
  return generatedService(of, role, label, target, live);
}

function ports(object: RawObject): unknown {
  return fieldsOf(object["spec"])["ports"];
}

const users: RawObject = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "shop", namespace: "demo", labels: { team: "a" }, annotations: { note: "b" } },
  spec: {
    type: "NodePort",
    clusterIP: "10.0.0.7",
    selector: { app: "shop" },
    ports: [
      { name: "http", protocol: "TCP", port: 8080, targetPort: 8080, nodePort: 30080 },
      { name: "admin", protocol: "TCP", port: 9999, targetPort: 9999, nodePort: 30099 },
    ],
  },
};

describe("generated Services", () => {
  const roles: Record<ServiceRole, { name: string; selects: string }> = {
    apex: { name: "shop", selects: "shop-primary" },
    primary: { name: "shop-primary", selects: "shop-primary" },
    canary: { name: "shop-canary", selects: "shop" },
  };
  for (const [role, { name, selects }] of Object.entries(roles)) {
    it(`${role} selects ${selects}`, () => {
      assert.deepEqual(service(role as ServiceRole), {
        apiVersion: "v1",
        kind: "Service",
        metadata: {
          name,
          namespace: "demo",
          labels: { app: name },
          annotations: marks,
          ownerReferences: [owner],
        },
        spec: { type: "ClusterIP", selector: { app: selects }, ports: [main] },
      });
    });
  }

  it("take their metadata, port and kind from the Canary", () => {
    const of = aCanary()
      .service({
        port: 80,
        portName: "web",
        targetPort: "http",
        appProtocol: "kubernetes.io/h2c",
        headless: true,
        trafficDistribution: "PreferClose",
        canary: { labels: { a: "1", app: "mine" }, annotations: { b: "2" } },
      })
      .build();
    const made = service("canary", of);
    assert.deepEqual(made.metadata.labels, { a: "1", app: "shop-canary" });
    assert.deepEqual(made.metadata.annotations, { b: "2", ...marks });
    assert.deepEqual(made["spec"], {
      type: "ClusterIP",
      clusterIP: "None",
      trafficDistribution: "PreferClose",
      selector: { app: "shop" },
      ports: [{ name: "web", protocol: "TCP", port: 80, targetPort: "http", appProtocol: "kubernetes.io/h2c" }],
    });
  });

  it("keep the type and the address that a live one has", () => {
    const live = service("apex");
    const changed = { ...live, spec: { ...fieldsOf(live["spec"]), type: "LoadBalancer", clusterIP: "10.0.0.9" } };
    const of = aCanary().service({ headless: true }).build();
    const spec = fieldsOf(service("apex", of, changed)["spec"]);
    assert.equal(spec["type"], "LoadBalancer");
    assert.equal("clusterIP" in spec, false);
    assert.equal(fits(changed, service("apex", of, changed)), "fits");
  });

  it("open the ports of the pods when asked, in their order, each name and number once", () => {
    const containers = [
      {
        name: "shop",
        ports: [
          { name: "http", containerPort: 8080 },
          { name: "metrics", containerPort: 9797 },
          { containerPort: 9999 },
          { name: "again", containerPort: 9797 },
        ],
      },
      { name: "istio-proxy", ports: [{ name: "mesh", containerPort: 15001 }] },
      {
        name: "side",
        ports: [
          { name: "metrics", containerPort: 1234 },
          { containerPort: 5555, protocol: "UDP" },
        ],
      },
    ];
    const of = aCanary().service({ portDiscovery: true }).build();
    assert.deepEqual(ports(service("apex", of, undefined, aDeployment({ pods: { containers } }))), [
      main,
      { name: "metrics", protocol: "TCP", port: 9797, targetPort: 9797 },
      { name: "tcp-shop-2", protocol: "TCP", port: 9999, targetPort: 9999 },
      { name: "tcp-side-1", protocol: "TCP", port: 5555, targetPort: 5555 },
    ]);
  });
});

describe("a Service that a user made before us", () => {
  it("loses labels of its selector that would narrow it", () => {
    const live = { ...users, spec: { ...fieldsOf(users["spec"]), selector: { app: "shop", tier: "web" } } };
    assert.deepEqual(fieldsOf(service("apex", canary, live)["spec"])["selector"], { app: "shop-primary", tier: null });
    const released = releasedApex(canary, label, aDeployment(), live);
    assert.deepEqual(fieldsOf(released["spec"])["selector"], { app: "shop", tier: null });
  });

  it("gets our selector, ports and marks, keeps its node port, and nobody's labels or owner", () => {
    const taken = service("apex", canary, users);
    assert.deepEqual(taken.metadata, { name: "shop", namespace: "demo", annotations: marks });
    assert.deepEqual(taken["spec"], { selector: { app: "shop-primary" }, ports: [{ ...main, nodePort: 30080 }] });
  });

  const differences: Record<string, { change: object; want: string }> = {
    "as it was": { change: {}, want: "differs" },
    "with our selector and one port too many": { change: { selector: { app: "shop-primary" } }, want: "differs" },
    "with a second label in its selector": {
      change: { selector: { app: "shop-primary", v: "1" }, ports: [main] },
      want: "differs",
    },
    "taken over": {
      change: { selector: { app: "shop-primary" }, ports: [{ ...main, nodePort: 30080 }] },
      want: "fits",
    },
  };
  for (const [name, { change, want }] of Object.entries(differences)) {
    it(`${want} ${name}`, () => {
      const annotations = { note: "b", ...marks };
      const live = {
        ...users,
        metadata: { ...users.metadata, annotations },
        spec: { ...fieldsOf(users["spec"]), ...change },
      };
      assert.equal(fits(live, service("apex", canary, live)), want);
    });
  }
});

describe("ports of a Service", () => {
  const of = aCanary().service({ portDiscovery: true }).build();
  const pods = { containers: [{ name: "shop", ports: [{ name: "metrics", containerPort: 9797 }] }] };
  const desired = service("apex", of, undefined, aDeployment({ pods }));
  const withPorts = (list: unknown): RawObject => ({ ...desired, spec: { ...fieldsOf(desired["spec"]), ports: list } });
  const metrics = { name: "metrics", protocol: "TCP", port: 9797, targetPort: 9797 };
  const cases: Record<string, { ports: object[]; want: string }> = {
    "in another order": { ports: [metrics, main], want: "fits" },
    "with a node port": { ports: [{ ...main, nodePort: 30000 }, metrics], want: "fits" },
    "with a protocol of the application left over": {
      ports: [{ ...main, appProtocol: "http" }, metrics],
      want: "differs",
    },
    "with another target": { ports: [{ ...main, targetPort: 80 }, metrics], want: "differs" },
    "with one missing": { ports: [main], want: "differs" },
  };
  for (const [name, { ports: list, want }] of Object.entries(cases)) {
    it(`${name}: ${want}`, () => assert.equal(fits(withPorts(list), desired), want));
  }
});

describe("the apex Service on deletion", () => {
  it("selects the target again and is nobody's", () => {
    const released = releasedApex(canary, label, aDeployment(), service("apex"));
    assert.deepEqual(released, {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "shop", namespace: "demo", labels: { app: "shop" } },
      spec: { type: "ClusterIP", selector: { app: "shop" }, ports: [main] },
    });
  });

  const kubectl: Record<string, { applied: string; want: object }> = {
    "the selector that kubectl applied": {
      applied: '{"spec":{"selector":{"app":"shop","v":"1"}}}',
      want: { app: "shop", v: "1" },
    },
    "the target's label when what kubectl kept is unreadable": { applied: "{", want: { app: "shop" } },
    "the target's label when kubectl applied no selector": { applied: '{"spec":{}}', want: { app: "shop" } },
  };
  for (const [name, { applied, want }] of Object.entries(kubectl)) {
    it(`of a user gets ${name}`, () => {
      const annotations = { "kubectl.kubernetes.io/last-applied-configuration": applied };
      const live = { ...users, metadata: { ...users.metadata, annotations } };
      const released = releasedApex(canary, label, aDeployment(), live);
      assert.deepEqual(fieldsOf(released["spec"])["selector"], want);
      assert.equal("labels" in released.metadata, false);
    });
  }
});
