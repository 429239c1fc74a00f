import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  annotations,
  type CanarySpec,
  driftMarks,
  fieldsOf,
  ownerReferenceOf,
  type Phase,
} from "../../../api/index.ts";
import type { AdmissionRequest, Mutator, Outcome } from "../../../mutators/types.ts";
import { prove } from "../../../server/proof.ts";
import { readReview } from "../../../server/review.ts";
import { routes } from "../../../server/routes.ts";
import { aCanary, anIndex } from "./builders.ts";
import { assertSameForDryRun } from "./dryRun.ts";

/** Reviews as a real API server sent them for kubectl commands. */
const folder = join(import.meta.dirname, "../../fixtures/admission");

const stamped = "RevisionStamped revision changed-at changed-by changed-by-groups changed-with";
const pinned = "ReplicasPinned replicas spec/replicas";
const both = "RevisionStamped revision changed-at changed-by changed-by-groups changed-with replicas spec/replicas";

/** What each is answered at rest: the reason, then what the patch touches. */
const atRest: Readonly<Record<string, string>> = {
  "001-deployment-create": both,
  "003-deployment-delete": "NotWatched",
  "005-deployment-apply-create": both,
  "007-deployment-status-by-controller": "NotWatched",
  "009-deployment-apply-revert-replicas": pinned,
  "010-deployment-noop-update": "Unchanged",
  "012-deployment-apply-replicas-only": pinned,
  "014-deployment-apply-template-and-replicas": both,
  "016-deployment-apply-removes-label": "Unchanged",
  "017-deployment-set-image": stamped,
  "019-deployment-set-image-132": stamped,
  "020-deployment-set-env": stamped,
  "021-deployment-set-resources": stamped,
  "022-deployment-rollout-restart": stamped,
  "024-deployment-rollout-restart-132": stamped,
  "025-deployment-rollout-undo": stamped,
  "027-deployment-rollout-undo-to-revision": stamped,
  "028-deployment-rollout-pause": "Unchanged",
  "030-deployment-rollout-resume": "Unchanged",
  "031-deployment-edit": stamped,
  "032-deployment-edit-132": stamped,
  "033-deployment-patch-strategic": stamped,
  "034-deployment-patch-merge": "Unchanged",
  "035-deployment-patch-json": pinned,
  "036-deployment-replace": stamped,
  "038-deployment-annotate": "Unchanged",
  "040-deployment-annotate-132": "Unchanged",
  "041-deployment-label": "Unchanged",
  "043-deployment-label-remove": "Unchanged",
  "044-deployment-scale": "ScaleWarned",
  "046-deployment-scale-precondition": "ScaleWarned",
  "047-deployment-scale-132": "ScaleWarned",
  "048-deployment-scale-to-zero": "ScaleWarned",
  "050-deployment-status-patch-by-user": "NotWatched",
  "051-deployment-dry-run-server-apply": both,
  "053-deployment-dry-run-server-set-image": stamped,
  "054-deployment-diff": both,
  "055-deployment-diff-server-side": both,
  "056-deployment-create-dry-run-server": both,
  "057-deployment-delete-dry-run-server": "NotWatched",
  "058-deployment-delete-foreground": "NotWatched",
  "060-deployment-ssa-create": both,
  "062-deployment-ssa-noop": "Unchanged",
  "064-deployment-ssa-update": both,
  "066-deployment-ssa-force-conflicts": pinned,
  "068-deployment-ssa-drop-field": pinned,
  "069-deployment-ssa-field-manager": pinned,
  "070-deployment-ssa-update-132": stamped,
  "071-deployment-csa-over-ssa": stamped,
  "072-deployment-apply-create-132": both,
  "073-deployment-apply-update-132": stamped,
  "074-deployment-csa-to-ssa-migration-1": "Unchanged",
  "075-deployment-csa-to-ssa-migration-2": "Unchanged",
  "076-deployment-csa-to-ssa-migration-3": "Unchanged",
  "077-deployment-csa-to-ssa-migration-4": "Unchanged",
  "078-deployment-csa-to-ssa-migration-5": "Unchanged",
  "079-deployment-delete-132": "NotWatched",
  "080-deployment-delete-orphan": "NotWatched",
  "081-deployment-delete-with-finalizer": "NotWatched",
  "083-deployment-remove-finalizer": "BeingDeleted",
  "085-deployment-deletecollection-1": "NotWatched",
  "086-deployment-deletecollection-2": "NotWatched",
  "089-deployment-delete-by-gc": "SystemUser",
  // Without a name nothing can be under a Canary yet.
  "091-deployment-generate-name": "NotUnderCanary",
  "093-user-service-account": stamped,
  "095-user-service-account-pod-bound": stamped,
  "096-user-impersonated": stamped,
  "098-user-impersonated-uid-extra": "Unchanged",
  "099-user-impersonated-service-account": stamped,
  "124-deployment-scale-by-hpa-controller": "SystemUser",
  "100-service-apply-create": "ServiceRestored spec/selector",
  "102-service-apply-selector": "Unchanged",
  "104-service-set-selector": "ServiceRestored spec/selector",
  "105-service-apply-create-132": "ServiceRestored spec/selector",
  "106-service-ssa-create": "ServiceRestored spec/selector",
  "107-service-delete": "NotUnderCanary",
  // A user's own Ingress, as every route that nobody took over.
  "112-ingress-create": "NotUnderCanary",
  "113-ingress-update": "NotUnderCanary",
  "115-ingress-annotate": "NotUnderCanary",
  "116-daemonset-create": stamped,
  "118-daemonset-set-image": stamped,
  "119-daemonset-status-by-controller": "NotWatched",
  // The mark that parks a DaemonSet is no part of a revision.
  "120-daemonset-node-selector": "Unchanged",
  "121-daemonset-delete": "NotWatched",
  "122-hpa-create": "ScalerWarned",
  "126-hpa-status-by-controller": "NotWatched",
  "127-hpa-update": "ScalerWarned",
  "129-hpa-autoscale": "NotUnderCanary",
  "130-hpa-v1-create-equivalent": "NotUnderCanary",
  "132-hpa-autoscale-132": "NotUnderCanary",
  "133-hpa-delete": "NotWatched",
  "134-canary-apply-create": "Valid",
  "136-canary-apply-update": "Valid",
  "138-canary-patch": "Valid",
  "139-canary-annotate": "Valid",
  "141-canary-edit": "Valid",
  "142-canary-status-patch": "NotWatched",
  "144-canary-status-put": "NotWatched",
  "146-canary-ssa-update-1": "Valid",
  "147-canary-ssa-update-2": "Valid",
  "148-canary-ssa-update-3": "Valid",
  "149-canary-ssa-update-4": "Valid",
  "150-canary-replace": "Valid",
  "151-canary-apply-update-132": "Valid",
  "152-canary-dry-run": "Valid",
  "153-canary-delete": "NotWatched",
  "155-canary-ssa-create": "Valid",
  "156-metrictemplate-create": "Valid",
  "158-metrictemplate-update": "Valid",
  "159-alertprovider-create": "Valid",
  "161-alertprovider-update": "Valid",
  "162-httproute-ssa-create": "NotUnderCanary",
  "163-httproute-ssa-second-manager": "NotUnderCanary",
  "165-httproute-ssa-first-manager-back": "NotUnderCanary",
  "166-httproute-merge-patch": "NotUnderCanary",
  "167-namespace-deletion-1": "NotWatched",
  "168-namespace-deletion-2": "NotWatched",
};

/** Kinds that share an answer. */
const paths: Readonly<Record<string, string>> = {
  horizontalpodautoscalers: "/mutate/autoscalers",
  ingresses: "/mutate/routes",
  httproutes: "/mutate/routes",
};

interface Recording {
  readonly request: AdmissionRequest;
  readonly mutator: Mutator;
}

function recording(name: string): Recording {
  const body = JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8"));
  const request = readReview(body);
  assert.ok(!("unreadable" in request));
  const { resource } = body.request.resource;
  const path = paths[resource] ?? `/mutate/${resource}`;
  const mutator = routes.get(request.subResource === "scale" ? "/mutate/scale" : path);
  assert.ok(mutator);
  return { request, mutator };
}

/** What the Canary of a recorded object says, beside what every one does. */
const specs: Readonly<Record<string, Partial<CanarySpec>>> = {
  DaemonSet: { targetRef: { apiVersion: "apps/v1", kind: "DaemonSet", name: "agent" } },
  Service: { service: { port: 80, targetPort: "http" } },
  HorizontalPodAutoscaler: {
    autoscalerRef: { apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler", name: "podinfo" },
  },
};

function answer({ request, mutator }: Recording, phase: Phase | undefined): Outcome {
  const target = request.name ?? "unnamed";
  const own = request.kind.group === "flagger.app";
  return mutator(
    request,
    anIndex(phase === undefined || own ? [] : [aCanary({ name: target, phase, spec: specs[request.kind.kind] ?? {} })]),
  );
}

function summary(outcome: Outcome): string {
  const touched =
    outcome.kind !== "patched"
      ? []
      : outcome.patch.flatMap((operation) =>
          operation.path === "/metadata/annotations" && operation.op === "add"
            ? Object.keys(operation.value as object)
            : [operation.path.slice(1).replace("metadata/annotations/", "").replace("~1", "/")],
        );
  return [outcome.why, ...touched.map((path) => path.replace("weir.sh/", ""))].join(" ");
}

test("every recorded review has an expected answer", () => {
  const recorded = readdirSync(folder).map((file) => file.replace(".json", ""));
  assert.deepEqual(recorded.sort(), Object.keys(atRest).sort());
});

for (const [name, expected] of Object.entries(atRest)) {
  test(`at rest, ${name} is answered with ${expected}`, () => {
    const recorded = recording(name);
    const outcome = answer(recorded, "Succeeded");
    assert.equal(summary(outcome), expected);
    if (outcome.kind === "patched") {
      prove(recorded.request.object, outcome.patch);
    }
  });
}

test("without a Canary every recorded write of a workload passes untouched", () => {
  for (const name of Object.keys(atRest)) {
    const recorded = recording(name);
    if (recorded.request.kind.group !== "flagger.app") {
      assert.equal(answer(recorded, undefined).kind, "untouched", name);
    }
  }
});

test("a dry run is answered like the real write, and may tell more", () => {
  for (const name of Object.keys(atRest)) {
    const { request, mutator } = recording(name);
    const dry = answer({ mutator, request: { ...request, dryRun: true } }, "Succeeded");
    const real = answer({ mutator, request: { ...request, dryRun: false } }, "Succeeded");
    assertSameForDryRun(dry, real);
  }
});

test("while a release runs, a change of the template restarts it", () => {
  const outcome = answer(recording("017-deployment-set-image"), "Progressing");
  assert.equal(summary(outcome), "RevisionRestarted revision changed-at changed-by changed-by-groups changed-with");
});

test("before the Canary is initialised, a Service keeps the selector it is written with", () => {
  assert.equal(summary(answer(recording("104-service-set-selector"), "Initializing")), "Unchanged");
});

/** What the same writes are answered when the object is one that the Canary generated, or a route that the controller took over. */
const onOwned: readonly (readonly [name: string, owned: "generated" | "taken over", expected: string])[] = [
  ["017-deployment-set-image", "generated", "OwnedFieldsRefused spec.template"],
  ["022-deployment-rollout-restart", "generated", "OwnedFieldsRefused spec.template"],
  ["038-deployment-annotate", "generated", "Unchanged"],
  ["041-deployment-label", "generated", "Unchanged"],
  ["079-deployment-delete-132", "generated", "DeletionRefused metadata.name"],
  ["085-deployment-deletecollection-1", "generated", "DeletionRefused metadata.name"],
  ["089-deployment-delete-by-gc", "generated", "SystemUser"],
  ["107-service-delete", "generated", "DeletionRefused metadata.name"],
  ["113-ingress-update", "generated", "OwnedFieldsRefused spec.rules"],
  [
    "115-ingress-annotate",
    "generated",
    "OwnedFieldsRefused metadata.annotations[nginx.ingress.kubernetes.io/canary] metadata.annotations[nginx.ingress.kubernetes.io/canary-weight]",
  ],
  ["118-daemonset-set-image", "generated", "OwnedFieldsRefused spec.template"],
  ["121-daemonset-delete", "generated", "DeletionRefused metadata.name"],
  ["127-hpa-update", "generated", "OwnedFieldsRefused spec"],
  ["133-hpa-delete", "generated", "DeletionRefused metadata.name"],
  ["163-httproute-ssa-second-manager", "generated", "OwnedFieldsRefused spec.rules"],
  ["165-httproute-ssa-first-manager-back", "generated", "OwnedFieldsRefused spec.rules"],
  ["166-httproute-merge-patch", "generated", "OwnedFieldsRefused spec.rules"],
  ["166-httproute-merge-patch", "taken over", "RouteRestored spec/rules"],
];

for (const [name, owned, expected] of onOwned) {
  test(`on an object that was ${owned}, ${name} is answered with ${expected}`, () => {
    const { request, mutator } = recording(name);
    const canary = aCanary({ name: "owner", target: request.name ?? "podinfo" });
    const metadata =
      owned === "generated" ? { ownerReferences: [ownerReferenceOf(canary)] } : { annotations: driftMarks };
    const marked = (object: unknown, more: object = metadata) =>
      object === null
        ? null
        : { ...fieldsOf(object), metadata: { ...fieldsOf(fieldsOf(object)["metadata"]), ...more } };
    const ofIt = { ...request, object: marked(request.object), oldObject: marked(request.oldObject) };
    const outcome = mutator(ofIt, anIndex([canary]));
    const fields = outcome.kind === "refused" ? outcome.issues.map(({ field }) => field) : [];
    assert.equal([summary(outcome), ...fields].join(" "), expected);
    if (outcome.kind === "refused") {
      assert.equal(outcome.bypass, undefined, "a right that nobody meant to use");
      const why = { annotations: { [annotations.bypass]: "incident 42" } };
      const meant = mutator({ ...ofIt, oldObject: marked(ofIt.oldObject, why) }, anIndex([canary]));
      assert.deepEqual(meant.kind === "refused" && meant.bypass, { namespace: "demo", canary: "owner" });
    }
  });
}

test("before the Canary is initialised, replicas are the user's", () => {
  assert.equal(summary(answer(recording("012-deployment-apply-replicas-only"), "Initializing")), "Unchanged");
});
