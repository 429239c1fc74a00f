import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { duration } from "../../../sandbox/apiserver/builtin/columns/cells.ts";
import { canonicalQuantity } from "../../../sandbox/apiserver/builtin/quantity.ts";
import { builtinResources } from "../../../sandbox/apiserver/builtin/resources.ts";
import { clone, type FieldError, type KubeObject } from "../../../sandbox/apiserver/types.ts";
import { recordedCauses, recordedSteps, type Step } from "./recordings.ts";
import { resourceOf, WrittenKind } from "./writtenKind.ts";

function created(plural: string, body: KubeObject, version = "v1"): KubeObject {
  const { strategy } = resourceOf(plural);
  const object = clone(body);
  strategy.prune(object, version);
  strategy.setDefaults(object, version);
  strategy.prepareForCreate(object);
  return object;
}

function problems(plural: string, body: KubeObject, old?: KubeObject): FieldError[] {
  return resourceOf(plural).strategy.validate(created(plural, body), old, undefined);
}

const spread = (count: string): string => "x".repeat(Number(/\((\d+) times x\)/.exec(count)?.[1] ?? 0));

/** Recordings say `(262144 times x)` rather than say it. */
function written(step: Step): KubeObject {
  return JSON.parse(JSON.stringify(step.body).replace(/\(\d+ times x\)/g, spread));
}

describe("defaults of a Deployment, as recorded", () => {
  for (const step of recordedSteps("deployment-defaulting")) {
    it(step.note ?? "", () => {
      const want = step.response?.body as KubeObject;
      const got = created("deployments", written(step));
      assert.deepEqual(got["spec"], want["spec"]);
      assert.deepEqual(Object.keys(got["spec"]), Object.keys(want["spec"]), "fields in the order of the type");
    });
  }
});

describe("what is wrong with a Deployment, as recorded", () => {
  for (const step of recordedSteps("errors-422").filter(
    ({ method, response }) => method === "POST" && response?.status === 422,
  )) {
    it(step.note ?? "", () => {
      const got = problems("deployments", written(step)).map(
        ({ field, reason, message }) => `${field} ${reason} ${message}`,
      );
      assert.deepEqual(got.sort(), recordedCauses(step));
    });
  }

  it("has a selector that does not change", () => {
    const [create, change] = recordedSteps("errors-422").slice(15);
    const deployment = new WrittenKind("deployments");
    deployment.play(create as Step);
    assert.throws(() => deployment.play(change as Step), { message: /^spec\.selector: .*: field is immutable$/ });
  });
});

const aService: KubeObject = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "podinfo" },
  spec: { selector: { app: "podinfo" }, ports: [{ port: 80 }] },
};

describe("a Service", () => {
  it("gets an address of its own, and keeps it when a writer leaves it out", () => {
    const { strategy } = resourceOf("services");
    const settle = (object: KubeObject): KubeObject => {
      strategy.setDefaults(object, "v1");
      strategy.prepareForCreate(object);
      return object;
    };
    const [first, second] = [settle(clone(aService)), settle(clone(aService))];
    assert.match(first["spec"].clusterIP, /^10\.96\./);
    assert.notEqual(first["spec"].clusterIP, second["spec"].clusterIP);
    const next = clone(aService);
    strategy.prepareForUpdate(next, first, undefined);
    assert.equal(next["spec"].clusterIP, first["spec"].clusterIP);
  });

  it("is headless when it says so, and without an address when it is a name for something outside", () => {
    const headless = created("services", { ...aService, spec: { ...aService["spec"], clusterIP: "None" } });
    assert.deepEqual(headless["spec"].clusterIPs, ["None"]);
    const external = created("services", { ...aService, spec: { type: "ExternalName", externalName: "example.com" } });
    assert.deepEqual(external["spec"], { type: "ExternalName", sessionAffinity: "None", externalName: "example.com" });
  });

  it("may not move to another address", () => {
    const old = created("services", aService);
    const moved = { ...aService, spec: { ...aService["spec"], clusterIP: "10.96.9.9" } };
    assert.deepEqual(
      problems("services", moved, old).map(({ field }) => field),
      ["spec.clusterIPs[0]"],
    );
  });
});

describe("generation", () => {
  const template = { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "a", image: "a:1" }] } };
  const anObject = (plural: string): KubeObject => ({
    ...created(plural, { apiVersion: "apps/v1", kind: "X", metadata: { name: "a" }, spec: { template } }),
  });
  const table: [plural: string, what: string, change: (object: KubeObject) => void, raised: boolean][] = [
    ["deployments", "an annotation", (object) => Object.assign(object.metadata, { annotations: { a: "1" } }), true],
    ["deployments", "a label", (object) => Object.assign(object.metadata, { labels: { a: "1" } }), false],
    ["deployments", "the spec", (object) => Object.assign(object["spec"], { replicas: 7 }), true],
    [
      "deployments",
      "the status, through the object",
      (object) => Object.assign(object, { status: { replicas: 7 } }),
      false,
    ],
    ["daemonsets", "an annotation", (object) => Object.assign(object.metadata.annotations ?? {}, { a: "1" }), false],
    ["daemonsets", "the spec", (object) => Object.assign(object["spec"], { minReadySeconds: 7 }), true],
  ];
  for (const [plural, what, change, raised] of table) {
    it(`of ${plural} is ${raised ? "raised" : "left alone"} by ${what}`, () => {
      const old = anObject(plural);
      const next = clone(old);
      change(next);
      resourceOf(plural).strategy.prepareForUpdate(next, old, undefined);
      assert.equal(next.metadata.generation, raised ? 2 : 1);
      assert.deepEqual(next["status"], old["status"]);
    });
  }

  it("is what nobody sets, and spec and labels are what nobody sets through the status", () => {
    const old = anObject("deployments");
    const next = clone(old);
    Object.assign(next.metadata, { generation: 99, labels: { a: "b" }, annotations: { kept: "yes" } });
    Object.assign(next, { spec: {}, status: { replicas: 1 } });
    resourceOf("deployments").strategy.prepareForUpdate(next, old, "status");
    assert.deepEqual(next["spec"], old["spec"]);
    assert.deepEqual(next["status"], { replicas: 1 });
    assert.deepEqual(next.metadata, { ...old.metadata, annotations: { kept: "yes" } });
  });
});

describe("decoding", () => {
  const strategy = resourceOf("deployments").strategy;
  const aDeployment = (spec: unknown): KubeObject => ({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: {},
    spec,
  });

  it("drops what the type does not know, and says where it was", () => {
    const template = { spec: { containers: [{ name: "a", imagePolicy: "x" }] } };
    const object = aDeployment({ template, replicaCount: 3, constructor: 1 });
    assert.deepEqual(strategy.prune(object, "v1"), [
      "spec.template.spec.containers[0].imagePolicy",
      "spec.replicaCount",
      "spec.constructor",
    ]);
    assert.deepEqual(object["spec"], { template: { spec: { containers: [{ name: "a" }] } } });
  });

  const misfits: Record<string, [spec: unknown, problem: string]> = {
    "a word for a number": [
      { replicas: "two" },
      "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
    ],
    "a list for a struct": [
      { template: [] },
      "json: cannot unmarshal array into Go struct field DeploymentSpec.spec.template of type v1.PodTemplateSpec",
    ],
  };
  for (const [what, [spec, problem]] of Object.entries(misfits)) {
    it(`refuses ${what}`, () => assert.equal(strategy.decodeProblem?.(aDeployment(spec), "v1"), problem));
  }

  const quantities: [written: unknown, canonical: unknown][] = [
    ["0.5", "500m"],
    ["1000m", "1"],
    [2, "2"],
    ["1024Mi", "1Gi"],
    ["0.5Gi", "512Mi"],
    ["1e3", "1k"],
    ["0", "0"],
    ["-1500m", "-1500m"],
    ["much", "much"],
  ];
  for (const [from, to] of quantities) {
    it(`writes the quantity ${from} as ${to}`, () => assert.equal(canonicalQuantity(from), to));
  }
});

describe("tables", () => {
  const ages: [seconds: number, text: string][] = [
    [-5, "<invalid>"],
    [0, "0s"],
    [119, "119s"],
    [120, "2m"],
    [150, "2m30s"],
    [3600, "60m"],
    [4 * 3600 + 60, "4h1m"],
    [47 * 3600, "47h"],
    [49 * 3600, "2d1h"],
    [9 * 86400, "9d"],
    [800 * 86400, "2y70d"],
  ];
  for (const [seconds, text] of ages)
    it(`show ${seconds} seconds as ${text}`, () => assert.equal(duration(seconds), text));

  it("have a name and an age, or a name and a date, for every kind", () => {
    for (const resource of builtinResources()) {
      const object: KubeObject = { apiVersion: "v1", kind: resource.kind, metadata: { name: "a" } };
      for (const column of resource.columns(resource.versions[0] ?? "v1")) {
        assert.doesNotThrow(() => column.cell(object, new Date()), `${resource.plural} ${column.name}`);
      }
    }
  });
});

describe("an autoscaler", () => {
  const { convert } = resourceOf("horizontalpodautoscalers").strategy;
  const metrics = [
    { type: "Resource", resource: { name: "memory", target: { type: "AverageValue", averageValue: "100Mi" } } },
    {
      type: "Object",
      object: {
        describedObject: { apiVersion: "v1", kind: "Service", name: "podinfo" },
        target: { type: "Value", value: "5" },
        metric: { name: "requests" },
      },
    },
    { type: "Pods", pods: { metric: { name: "q" }, target: { type: "AverageValue", averageValue: "1" } } },
    {
      type: "External",
      external: {
        metric: { name: "q", selector: { matchLabels: { a: "b" } } },
        target: { type: "Value", value: "30" },
      },
    },
    { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 70 } } },
  ];
  const v2: KubeObject = {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: { name: "a" },
    spec: {
      maxReplicas: 3,
      metrics,
      behavior: {
        scaleDown: { stabilizationWindowSeconds: 60, policies: [{ type: "Percent", value: 10, periodSeconds: 60 }] },
      },
    },
    status: { desiredReplicas: 0, currentMetrics: null },
  };

  it("loses nothing on its way through the older version", () => {
    const v1 = convert?.(v2, "v1");
    assert.equal(v1?.["spec"].targetCPUUtilizationPercentage, 70);
    assert.deepEqual(convert?.(v1 as KubeObject, "v2"), v2);
  });
});
