import assert from "node:assert/strict";
import { test } from "node:test";
import { annotations, type Phase, type RawObject, revisionOf } from "../../../api/index.ts";
import { mutateDeployment } from "../../../mutators/deployment.ts";
import type { AdmissionRequest, Outcome } from "../../../mutators/types.ts";
import { applied } from "./applied.ts";
import { aCanary, aDeployment, anIndex, aReview, type CanaryParts, type DeploymentParts } from "./builders.ts";

const revision = (object: RawObject) => revisionOf((object["spec"] as { template: unknown }).template);
const annotationsOf = (object: RawObject) => object.metadata.annotations ?? {};
const specOf = (object: RawObject) => object["spec"] as { replicas?: number; paused?: boolean };

function update(before: DeploymentParts, after: DeploymentParts, canary: CanaryParts = {}, user = "jane") {
  const object = aDeployment(after);
  const request = aReview(object, aDeployment(before), { userInfo: { username: user } });
  const outcome = mutateDeployment(request, anIndex([aCanary(canary)]));
  return { outcome, object, result: applied(object, outcome) };
}

const warningsOf = (outcome: Outcome) => (outcome.kind === "refused" ? [] : outcome.warnings);

test("a new image at rest is stamped with revision, time and user, and the plan is told", () => {
  const { outcome, object, result } = update({}, { image: "podinfo:6.0.1", time: "2026-01-02T00:00:00Z" });
  assert.equal(outcome.why, "RevisionStamped");
  assert.deepEqual(annotationsOf(result), {
    [annotations.revision]: revision(object),
    [annotations.changedAt]: "2026-01-02T00:00:00Z",
    [annotations.changedBy]: "jane",
    [annotations.changedWith]: "kubectl",
  });
  assert.deepEqual(warningsOf(outcome), ["Weir: podinfo will be released 5% → 50% by 5 every 10s, about 1m40s"]);
});

test("the plan names its gates and strategy", () => {
  const cases: readonly (readonly [NonNullable<CanaryParts["spec"]>, string])[] = [
    [
      {
        analysis: {
          interval: "1m",
          threshold: 1,
          iterations: 10,
          webhooks: [{ name: "ok", type: "confirm-promotion", url: "http://gate/" }],
        },
      },
      "in 10 checks every 1m, about 10m, gate: confirm-promotion",
    ],
    [
      {
        analysis: {
          interval: "30s",
          threshold: 1,
          iterations: 2,
          match: [{ headers: { "x-canary": { exact: "1" } } }],
        },
      },
      "in 2 checks of matching requests every 30s, about 1m",
    ],
    [
      { analysis: { interval: "10s", threshold: 1, stepWeights: [1, 10, 80] } },
      "1% → 80% in 3 steps every 10s, about 30s",
    ],
    [{ analysis: { interval: "10s", threshold: 1, stepWeight: 100 } }, "at 100% every 10s, about 10s"],
    [{ skipAnalysis: true }, "at once, without analysis"],
  ];
  for (const [spec, plan] of cases) {
    const { outcome } = update({}, { image: "podinfo:6.0.1" }, { spec });
    assert.deepEqual(warningsOf(outcome), [`Weir: podinfo will be released ${plan}`]);
  }
});

test("twenty identical applies are stamped once", () => {
  const file = { image: "podinfo:6.0.1", replicas: 2 };
  let stored = applied(
    aDeployment(file),
    mutateDeployment(aReview(aDeployment(file), aDeployment()), anIndex([aCanary()])),
  );
  const first = stored;
  for (let round = 0; round < 20; round += 1) {
    const again = aDeployment({ ...file, annotations: annotationsOf(stored), time: `2026-01-03T00:00:${10 + round}Z` });
    const outcome = mutateDeployment(aReview(again, stored), anIndex([aCanary()]));
    assert.deepEqual(warningsOf(outcome), []);
    stored = applied(again, outcome);
    assert.deepEqual(annotationsOf(stored), annotationsOf(first));
    assert.equal(specOf(stored).replicas, 0);
  }
});

test("replicas written at rest stay 0 and become a wish for the primary", () => {
  const { outcome, result } = update({}, { replicas: 3 });
  assert.equal(outcome.why, "ReplicasPinned");
  assert.equal(specOf(result).replicas, 0);
  assert.equal(annotationsOf(result)[annotations.replicas], "3");
});

test("replicas written during a release stay where the controller put them", () => {
  const { result } = update({ replicas: 2 }, { replicas: 7 }, { phase: "Progressing" });
  assert.equal(specOf(result).replicas, 2);
  assert.equal(annotationsOf(result)[annotations.replicas], "7");
});

test("0 replicas are never wished upon the primary", () => {
  const { outcome, result } = update({ replicas: 2 }, { replicas: 0 }, { phase: "Progressing" });
  assert.equal(specOf(result).replicas, 2);
  assert.equal(annotationsOf(result)[annotations.replicas], undefined);
  assert.match(warningsOf(outcome)[0] ?? "", /delete the Canary/);
});

test("with an autoscaler, replicas are ignored and the writer is told", () => {
  const spec = {
    autoscalerRef: { apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler", name: "hpa" },
  } as const;
  const { outcome, result } = update({}, { replicas: 3 }, { spec });
  assert.equal(specOf(result).replicas, 0);
  assert.equal(annotationsOf(result)[annotations.replicas], undefined);
  assert.deepEqual(warningsOf(outcome), ["Weir: spec.replicas of podinfo stays 0: autoscaler hpa decides"]);
});

test("kubectl replace, which carries no annotations, loses neither stamps nor wish", () => {
  const stamps = { [annotations.revision]: "w1:a", [annotations.changedBy]: "bob", [annotations.replicas]: "3" };
  const { result } = update({ annotations: stamps }, {});
  assert.deepEqual(annotationsOf(result), stamps);
});

test("kubectl rollout undo, which carries old annotations, is stamped anew", () => {
  const old = { [annotations.revision]: "w1:old", [annotations.changedBy]: "bob" };
  const { result, object } = update({ image: "podinfo:6.0.1" }, { annotations: old }, {}, "jane");
  assert.equal(annotationsOf(result)[annotations.revision], revision(object));
  assert.equal(annotationsOf(result)[annotations.changedBy], "jane");
});

test("the groups and the field manager of a change are stamped, bounded, and only where they are known", () => {
  const groups = [
    "system:authenticated",
    ...Array.from({ length: 40 }, (_, index) => `team-${index}-${"x".repeat(300)}`),
  ];
  const stampsBy = (request: Partial<AdmissionRequest>, object = aDeployment({ image: "podinfo:6.0.1" })) => {
    const outcome = mutateDeployment(aReview(object, aDeployment(), request), anIndex([aCanary()]));
    return annotationsOf(applied(object, outcome));
  };
  const marks = stampsBy({ userInfo: { username: "jane", groups }, fieldManager: "helm" });
  assert.equal(marks[annotations.changedWith], "helm");
  const kept = JSON.parse(marks[annotations.changedByGroups] ?? "") as string[];
  assert.equal(kept.length, 16);
  assert.ok(kept.every((group) => group.startsWith("team-") && group.length === 253));

  const alone = stampsBy({ userInfo: { username: "jane", groups: ["system:authenticated"] } });
  assert.equal(alone[annotations.changedByGroups], undefined);
  assert.equal(alone[annotations.changedWith], "kubectl");
  // Two managers within one second: which of them wrote is not known, so nobody is named.
  const object = aDeployment({ image: "podinfo:6.0.1" });
  const [entry] = object.metadata["managedFields"] as object[];
  const managedFields = [entry, { ...entry, manager: "argocd-controller" }];
  assert.equal(
    stampsBy({}, { ...object, metadata: { ...object.metadata, managedFields } })[annotations.changedWith],
    undefined,
  );
});

test("nobody can claim that somebody else made the change", () => {
  const { result } = update({}, { annotations: { [annotations.changedBy]: "root" } });
  assert.equal(annotationsOf(result)[annotations.changedBy], undefined);
});

test("before the primary serves, a change is held so that running pods stay", () => {
  const { outcome, object, result } = update({ ready: 2 }, { image: "podinfo:6.0.1" }, { phase: "Initializing" });
  assert.equal(outcome.why, "RevisionHeld");
  assert.equal(specOf(result).paused, true);
  assert.equal(annotationsOf(result)[annotations.held], revision(object));
  assert.deepEqual(warningsOf(outcome), ["Weir: podinfo is paused with this change until podinfo-primary serves"]);
});

test("before the primary serves, a fix of a target without ready pods goes through", () => {
  const { outcome, result } = update({ ready: 0 }, { image: "podinfo:6.0.1" }, { phase: "Initializing" });
  assert.equal(outcome.why, "RevisionStamped");
  assert.equal(specOf(result).paused, undefined);
});

test("a held change stays held when another one follows, and when a file without the mark is replaced", () => {
  const held = { paused: true, ready: 1, annotations: { [annotations.held]: "w1:x" } };
  const next = update(held, { ...held, image: "podinfo:6.0.2" }, { phase: "Initializing" });
  assert.equal(annotationsOf(next.result)[annotations.held], revision(next.object));
  const replaced = update(held, {}, { phase: "Initializing" });
  assert.equal(specOf(replaced.result).paused, true);
});

test("kubectl rollout resume overrides the hold", () => {
  const mark = { [annotations.held]: "w1:x" };
  const { result } = update({ paused: true, annotations: mark }, { annotations: mark }, { phase: "Initializing" });
  assert.equal(specOf(result).paused, undefined);
  assert.equal(annotationsOf(result)[annotations.held], undefined);
});

test("going back to the promoted revision is told as that", () => {
  const promoted = revision(aDeployment());
  const cases: readonly (readonly [Phase, string])[] = [
    ["Progressing", "Weir: podinfo goes back to the promoted revision: the running release ends"],
    ["Failed", "Weir: podinfo goes back to the promoted revision: nothing to release"],
  ];
  for (const [phase, expected] of cases) {
    const { outcome } = update({ image: "podinfo:6.0.1" }, {}, { phase, promoted });
    assert.deepEqual(warningsOf(outcome), [expected]);
  }
});

test("a suspended Canary is told as that", () => {
  const { outcome } = update({}, { image: "podinfo:6.0.1" }, { spec: { suspend: true } });
  assert.deepEqual(warningsOf(outcome), [
    "Weir: canary podinfo is suspended: the release of podinfo waits for spec.suspend: false",
  ]);
});

const passes: readonly {
  readonly when: string;
  readonly user?: string;
  readonly canary?: CanaryParts;
  readonly why: string;
}[] = [
  { when: "our own controller writes", user: "weir-controller", why: "OwnController" },
  {
    when: "a kube-system account writes",
    user: "system:serviceaccount:kube-system:deployment-controller",
    why: "SystemUser",
  },
  { when: "a node writes", user: "system:node:a", why: "SystemUser" },
  {
    when: "admission is switched off on the Canary",
    canary: { annotations: { [annotations.admission]: "off" } },
    why: "AdmissionOff",
  },
  { when: "the Canary is going away", canary: { phase: "Terminating" }, why: "BeingDeleted" },
  { when: "the Canary is for another workload", canary: { target: "other" }, why: "NotUnderCanary" },
];
for (const { when, user, canary, why } of passes) {
  test(`a write passes untouched when ${when}`, () => {
    const { outcome } = update({}, { image: "podinfo:6.0.1", replicas: 9 }, canary, user);
    assert.deepEqual(outcome, { kind: "untouched", why, warnings: [] });
  });
}

test("warnings are one line of less than 120 characters, however long the names are", () => {
  const canary = { name: "a".repeat(253), target: "podinfo" };
  const { outcome } = update({}, { image: "podinfo:6.0.1" }, { ...canary, spec: { suspend: true } });
  for (const text of warningsOf(outcome)) {
    assert.ok([...text].length < 120);
    assert.ok(!/[\r\n]/.test(text));
  }
});
