import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { annotations, fieldsOf, type RawObject, revisionOf } from "../../../api/index.ts";
import { primaryDeployment } from "../../../controller/workloads/deployment.ts";
import { fits } from "../../../controller/workloads/fits.ts";
import {
  revisionOfPrimary,
  revisionOfTarget,
  runsTemplate,
  selectorLabel,
} from "../../../controller/workloads/primary.ts";
import { aCanary } from "../aCanary.ts";
import { aDeployment } from "./aDeployment.ts";

const canary = aCanary().build();
const options = { selectorLabels: ["app", "name", "app.kubernetes.io/name"], includeLabelPrefix: [] };

function template(object: RawObject): { metadata: Record<string, unknown>; spec: Record<string, unknown> } {
  return fieldsOf(object["spec"])["template"] as ReturnType<typeof template>;
}

describe("a primary made from its target", () => {
  it("is the known object, and remembers its revision", () => {
    const target = aDeployment({ spec: { paused: true, minReadySeconds: 5 } });
    assert.deepEqual(primaryDeployment(canary, target, options), {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: {
        name: "shop-primary",
        namespace: "demo",
        labels: { app: "shop-primary" },
        annotations: {
          [annotations.revision]: revisionOfTarget(target),
          [annotations.template]: revisionOf(template(primaryDeployment(canary, target, options))),
        },
        ownerReferences: [
          {
            apiVersion: "flagger.app/v1beta1",
            kind: "Canary",
            name: "shop",
            uid: "7f0c",
            controller: true,
            blockOwnerDeletion: true,
          },
        ],
      },
      spec: {
        minReadySeconds: 5,
        progressDeadlineSeconds: 60,
        strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: "25%" } },
        selector: { matchLabels: { app: "shop-primary" } },
        template: {
          metadata: { labels: { app: "shop-primary" } },
          spec: {
            containers: [{ name: "shop", image: "shop:1", ports: [{ containerPort: 8080, name: "http" }] }],
          },
        },
      },
    });
  });

  it("states replicas only when told to", () => {
    const replicas = (more: { replicas?: number }) =>
      fieldsOf(primaryDeployment(canary, aDeployment(), { ...options, ...more })["spec"])["replicas"];
    assert.equal(replicas({}), undefined);
    assert.equal(replicas({ replicas: 4 }), 4);
  });

  it("is the same bytes for the same target", () => {
    const bytes = () => JSON.stringify(primaryDeployment(canary, aDeployment(), options));
    assert.equal(bytes(), bytes());
  });

  it("keeps fields of the pod spec that we do not know", () => {
    const pods = { somethingNew: { deep: [1, { a: null }] } };
    const { spec } = template(primaryDeployment(canary, aDeployment({ pods }), options));
    assert.deepEqual(spec["somethingNew"], pods.somethingNew);
  });

  it("takes other template labels and annotations along, but for those of GitOps tools", () => {
    const target = aDeployment();
    const metadata = {
      labels: { app: "shop", version: "2", "kustomize.toolkit.fluxcd.io/name": "x" },
      annotations: { "prometheus.io/scrape": "true", "helm.toolkit.fluxcd.io/name": "x" },
    };
    const changed = { ...target, spec: { ...fieldsOf(target["spec"]), template: { ...template(target), metadata } } };
    assert.deepEqual(template(primaryDeployment(canary, changed, options)).metadata, {
      labels: { app: "shop-primary", version: "2" },
      annotations: { "prometheus.io/scrape": "true" },
    });
  });

  const prefixes: Record<string, { includeLabelPrefix: string[]; labels: object; notes: string[] }> = {
    "no prefix": { includeLabelPrefix: [], labels: {}, notes: [] },
    "an empty prefix": { includeLabelPrefix: [""], labels: {}, notes: [] },
    "one prefix": { includeLabelPrefix: ["team."], labels: { "team.io/name": "a" }, notes: ["team.io/mail"] },
    everything: {
      includeLabelPrefix: ["*"],
      labels: { "team.io/name": "a", tier: "web" },
      notes: ["note", "team.io/mail"],
    },
  };
  for (const [name, { includeLabelPrefix, labels, notes }] of Object.entries(prefixes)) {
    it(`inherits with ${name}`, () => {
      const metadata = {
        labels: { app: "shop", "team.io/name": "a", tier: "web", "kustomize.toolkit.fluxcd.io/name": "x" },
        annotations: {
          "team.io/mail": "b",
          note: "c",
          "deployment.kubernetes.io/revision": "7",
          "kubectl.kubernetes.io/last-applied-configuration": "{}",
          [annotations.changedBy]: "somebody",
        },
      };
      const primary = primaryDeployment(canary, aDeployment({ metadata }), { ...options, includeLabelPrefix });
      assert.deepEqual(primary.metadata.labels, { ...labels, app: "shop-primary" });
      assert.deepEqual(
        Object.keys(primary.metadata.annotations ?? {}).sort(),
        [...notes, annotations.revision, annotations.template].sort(),
      );
    });
  }

  it("keeps its own pods apart where the target kept its own apart", () => {
    const term = (values: string[]) => ({
      labelSelector: { matchExpressions: [{ key: "app", operator: "In", values }] },
      topologyKey: "kubernetes.io/hostname",
    });
    const labelled = (app: string) => ({ labelSelector: { matchLabels: { app } }, topologyKey: "zone" });
    const pods = {
      affinity: {
        nodeAffinity: { some: "rule" },
        podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term(["shop"])] },
        podAntiAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [term(["shop", "other"]), labelled("other")],
          preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: labelled("shop") }],
        },
      },
      topologySpreadConstraints: [
        { maxSkew: 1, ...labelled("shop") },
        { maxSkew: 1, topologyKey: "zone" },
      ],
    };
    assert.deepEqual(
      (({ affinity, topologySpreadConstraints }) => ({ affinity, topologySpreadConstraints }))(
        template(primaryDeployment(canary, aDeployment({ pods }), options)).spec,
      ),
      {
        affinity: {
          nodeAffinity: { some: "rule" },
          podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term(["shop"])] },
          podAntiAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: [term(["shop-primary", "other"]), labelled("other")],
            preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: labelled("shop-primary") }],
          },
        },
        topologySpreadConstraints: [
          { maxSkew: 1, ...labelled("shop-primary") },
          { maxSkew: 1, topologyKey: "zone" },
        ],
      },
    );
  });
});

describe("the revision of a template", () => {
  it("does not change with replicas, labels of the Deployment, order of keys or explicit nulls", () => {
    const before = revisionOfTarget(aDeployment());
    const target = aDeployment({ spec: { replicas: 9 }, metadata: { labels: { x: "y" } } });
    const { metadata, spec } = template(target);
    const shuffled = { spec, metadata: { ...metadata, annotations: null } };
    assert.equal(revisionOfTarget({ ...target, spec: { ...fieldsOf(target["spec"]), template: shuffled } }), before);
  });
  it("changes with the image", () => {
    const pods = { containers: [{ name: "shop", image: "shop:2" }] };
    assert.notEqual(revisionOfTarget(aDeployment({ pods })), revisionOfTarget(aDeployment()));
  });
  it("is foreign on a primary that another system made", () => {
    assert.equal(revisionOfPrimary(aDeployment()), "foreign");
    assert.equal(revisionOfPrimary(primaryDeployment(canary, aDeployment(), options)), revisionOfTarget(aDeployment()));
  });
});

describe("whether a primary of another system runs the target's template", () => {
  const pods = (image = "shop:1", config = "settings", app = "shop") => {
    const matchLabels = { app };
    const anti = { requiredDuringSchedulingIgnoredDuringExecution: [{ labelSelector: { matchLabels } }] };
    const envFrom = [{ configMapRef: { name: config } }];
    return { containers: [{ name: "shop", image, envFrom }], affinity: { podAntiAffinity: anti } };
  };
  const target = aDeployment({ pods: pods() });
  const primaryOf = (spec: object, more: object = {}): RawObject => {
    const metadata = { labels: { app: "shop-primary" }, annotations: { "flagger-id": "c0a1f8de", ...more } };
    return aDeployment({ spec: { template: { metadata, spec } } });
  };
  const cases: Record<string, { primary: RawObject; want: boolean }> = {
    "its names and its random id are no difference": {
      primary: primaryOf(pods("shop:1", "settings-primary", "shop-primary")),
      want: true,
    },
    "another image is": { primary: primaryOf(pods("shop:2", "settings-primary", "shop-primary")), want: false },
    "an annotation is": {
      primary: primaryOf(pods("shop:1", "settings-primary", "shop-primary"), { restarted: "now" }),
      want: false,
    },
  };
  for (const [name, { primary, want }] of Object.entries(cases))
    it(name, () => assert.equal(runsTemplate(primary, target), want));
  it("marks of GitOps tools are not", () => {
    const marks = { annotations: { "kustomize.toolkit.fluxcd.io/checksum": "1" }, labels: { app: "shop" } };
    const marked = aDeployment({ spec: { template: { metadata: marks, spec: pods() } } });
    assert.equal(runsTemplate(primaryOf(pods("shop:1", "settings-primary", "shop-primary")), marked), true);
  });
});

describe("the selector label", () => {
  const cases: Record<string, { labels: object; want: object }> = {
    "the first of the flag that the selector has": {
      labels: { "app.kubernetes.io/name": "a", name: "b" },
      want: { key: "name", value: "b" },
    },
    "none of them": {
      labels: { tier: "web" },
      want: {
        obstacle:
          "getSelectorLabel failed: deployment shop.demo spec.selector.matchLabels must contain one of [app name app.kubernetes.io/name]",
      },
    },
  };
  for (const [name, { labels, want }] of Object.entries(cases)) {
    it(`with ${name}`, () => {
      const target = aDeployment({ spec: { selector: { matchLabels: labels } } });
      assert.deepEqual(selectorLabel(target, options.selectorLabels), want);
    });
  }
});

describe("whether a live primary fits", () => {
  const desired = primaryDeployment(canary, aDeployment(), options);
  const live = (change: (copy: Record<string, Record<string, unknown>>) => void): RawObject => {
    const copy = structuredClone(desired) as unknown as Record<string, Record<string, unknown>>;
    change(copy);
    return copy as unknown as RawObject;
  };
  const cases: Record<string, { live: RawObject | undefined; want: string }> = {
    "nothing there": { live: undefined, want: "absent" },
    "defaults of the server, a status, keys of others": {
      live: live((copy) => {
        copy["status"] = { replicas: 1 };
        copy["spec"] = { ...copy["spec"], replicas: 7, revisionHistoryLimit: 10 };
        copy["metadata"] = { ...copy["metadata"], resourceVersion: "5", finalizers: ["x"] };
      }),
      want: "fits",
    },
    "an item of a list without kind, as lists return it": {
      live: live((copy) => {
        delete copy["kind"];
        delete copy["apiVersion"];
      }),
      want: "fits",
    },
    "a second owner": {
      live: live((copy) => {
        const owners = copy["metadata"]?.["ownerReferences"] as object[];
        copy["metadata"] = { ...copy["metadata"], ownerReferences: [{ kind: "X", name: "x", uid: "x" }, ...owners] };
      }),
      want: "fits",
    },
    "another image": {
      live: live((copy) => {
        copy["spec"] = {
          ...copy["spec"],
          template: template(aDeployment({ pods: { containers: [{ name: "shop", image: "evil" }] } })),
        };
      }),
      want: "differs",
    },
    "one more container": {
      live: live((copy) => {
        const { spec } = template(copy as unknown as RawObject);
        const containers = spec["containers"] as object[];
        containers.push({ name: "sidecar" });
      }),
      want: "differs",
    },
    "no owner": {
      live: live((copy) => {
        copy["metadata"] = { ...copy["metadata"], ownerReferences: [] };
      }),
      want: "differs",
    },
  };
  for (const [name, { live: object, want }] of Object.entries(cases)) {
    it(`${want} with ${name}`, () => assert.equal(fits(object, desired), want));
  }
});
