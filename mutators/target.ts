import {
  annotations,
  type Canary,
  isKnative,
  isSameTemplate,
  knownKeys,
  type OwnedField,
  primaryTargetName,
  revisionOf,
  targetName,
} from "../api/index.ts";
import { bystander } from "./bystanders.ts";
import { careless } from "./care.ts";
import { warnOfDeletion } from "./deletion.ts";
import { fieldAt, isFields, numberAt, textAt } from "./fields.ts";
import type { Form } from "./forms.ts";
import { changedFields, guard } from "./guard.ts";
import { annotationPatch, specPatch } from "./patch.ts";
import { plan } from "./plan.ts";
import { noReplicas, replicasOf } from "./replicas.ts";
import { keptWarning, restoring } from "./route.ts";
import { type Stage, stageOf } from "./stage.ts";
import { stampsOf } from "./stamps.ts";
import { type AdmissionRequest, type Index, type Outcome, type PatchOp, untouched } from "./types.ts";
import { warning } from "./warning.ts";
import { wholePlan } from "./wholePlan.ts";

/**
 * A write to something that a Canary releases, or to the primary that it made. Stamps who changed the template and when, keeps `spec.replicas` where the
 * controller put it, and holds a change back that comes before the primary serves. Never touches what is released, labels or selector.
 */
export function mutateTarget(form: Form, request: AdmissionRequest, index: Index): Outcome {
  const { operation } = request;
  if (
    request.subResource !== undefined ||
    (operation !== "UPDATE" && operation !== "CREATE" && operation !== "DELETE")
  ) {
    return untouched("NotWatched");
  }
  const passing = bystander(request, index);
  if (passing !== undefined) {
    return untouched(passing);
  }
  const guarded = guard(request, index);
  if (guarded !== undefined) {
    return guarded;
  }
  if (operation === "DELETE") {
    // Pods' workloads have a webhook of their own for that, which nobody waits for.
    return form.kind === "Service" ? warnOfDeletion(request, index) : untouched("NotWatched");
  }
  const { object } = request;
  if (!isFields(object) || !isFields(fieldAt(object, "metadata")) || !isFields(fieldAt(object, "spec"))) {
    return untouched("Unreadable");
  }
  if (fieldAt(object, "metadata", "deletionTimestamp") !== undefined) {
    return untouched("BeingDeleted");
  }
  const name = request.name || textAt(object, "metadata", "name") || "";
  const canary = index
    .canariesFor(request.namespace ?? "", form.kind, name)
    .find(({ spec }) => form.isMeant(spec.targetRef));
  if (canary === undefined) {
    return untouched("NotUnderCanary");
  }
  const passes = careless(canary);
  if (passes !== undefined) {
    return untouched(passes);
  }
  return underCanary(form, request, canary, index.provider);
}

function underCanary(form: Form, request: AdmissionRequest, canary: Canary, provider: string): Outcome {
  const stage = stageOf(canary);
  const { object } = request;
  const old = isFields(request.oldObject) ? request.oldObject : undefined;
  const { kind } = form;
  const released = form.released(object);
  const changed = old === undefined || !isSameTemplate(form.released(old), released);
  // The dearest part of a review. A template that is applied again as it is has its stamps, and they stay.
  const revision = changed || stage === "bootstrapping" ? revisionOf(released) : "";
  const stamps = stampsOf(object, old, revision, changed, request);
  const marks = fieldAt(object, "metadata", "annotations");
  const answered = Object.entries(stamps).every(([key, text]) => fieldAt(marks, key) === text);
  const replicas = kind === "Deployment" ? replicasOf(object, old, canary, stage, answered || !changed) : noReplicas;
  const held = kind === "Deployment" ? heldRevision(object, old, stage, revision, changed) : undefined;
  const kept = keptOf(form, request);
  const patch: PatchOp[] = [
    ...annotationPatch(object, {
      ...stamps,
      [annotations.replicas]: replicas.wish,
      [annotations.held]: held,
      ...kept.annotations,
    }),
    ...kept.patch,
    ...(replicas.pinned === undefined ? [] : specPatch(object, "replicas", replicas.pinned)),
    ...(held === undefined ? [] : specPatch(object, "paused", true)),
  ];
  const planned = request.dryRun && isReleased(canary, stage, revision) ? wholePlan(canary, provider) : [];
  const warnings = [
    ...(changed && old !== undefined ? [changeWarning(canary, stage, revision, held), ...planned] : []),
    ...(replicas.warning === undefined ? [] : [replicas.warning]),
    ...(form.kept === undefined || kept.fields.length === 0
      ? []
      : [keptWarning(form.kept, targetName(canary), kept.fields, canary)]),
  ];
  if (patch.length === 0) {
    return untouched("Unchanged", warnings);
  }
  const why =
    held !== undefined && changed
      ? "RevisionHeld"
      : changed
        ? stage === "releasing"
          ? "RevisionRestarted"
          : "RevisionStamped"
        : kept.fields.length > 0
          ? "RouteRestored"
          : answered
            ? "ReplicasPinned"
            : "RevisionStamped";
  return { kind: "patched", why, warnings, patch };
}

interface Kept {
  readonly fields: readonly OwnedField[];
  readonly annotations: Readonly<Record<string, string | undefined>>;
  readonly patch: readonly PatchOp[];
}

/** What gets its stored value back: a chart that is applied again must neither fail nor turn the traffic. */
function keptOf({ kept }: Form, request: AdmissionRequest): Kept {
  const { object, oldObject } = request;
  const isMarked = fieldAt(oldObject, "metadata", "annotations", knownKeys.primaryRevision) !== undefined;
  const fields = kept === undefined || !isMarked ? [] : changedFields(request, kept);
  const marks = fields.filter(({ path }) => path[0] === "metadata");
  return {
    fields,
    annotations: Object.fromEntries(marks.map(({ path }) => [path.at(-1) ?? "", textAt(oldObject, ...path)])),
    patch: fields.filter((field) => !marks.includes(field)).flatMap((field) => restoring(object, oldObject, field)),
  };
}

/**
 * The revision whose rollout waits until the primary serves, or undefined. Before that the target's running pods are all there is:
 * rolling them would put an untried revision in front of users. A target without a ready pod has nothing to protect, and a fix
 * must reach it.
 */
function heldRevision(
  object: unknown,
  old: unknown,
  stage: Stage,
  revision: string,
  changed: boolean,
): string | undefined {
  const before = textAt(old, "metadata", "annotations", annotations.held);
  const mark = textAt(object, "metadata", "annotations", annotations.held);
  if (stage !== "bootstrapping") {
    return before !== undefined && fieldAt(object, "spec", "paused") === true ? before : undefined;
  }
  const paused = fieldAt(object, "spec", "paused") === true;
  if (before !== undefined) {
    // `kubectl rollout resume` keeps the mark and takes `paused` away: the user insists. `kubectl replace` loses both.
    const resumed = mark !== undefined && !paused && !changed;
    return resumed ? undefined : revision;
  }
  if (changed && paused && mark === revision) {
    // Our own answer, shown again after another webhook.
    return revision;
  }
  const serving = (numberAt(old, "status", "readyReplicas") ?? 0) > 0;
  return changed && serving && !paused ? revision : undefined;
}

/** Whether the change goes through the plan of the Canary. */
function isReleased(canary: Canary, stage: Stage, revision: string): boolean {
  const serves = stage === "resting" || stage === "releasing";
  return serves && canary.spec.suspend !== true && canary.status?.lastPromotedSpec !== revision;
}

function changeWarning(canary: Canary, stage: Stage, revision: string, held: string | undefined): string {
  const name = targetName(canary);
  if (held !== undefined) {
    return warning(`${name} is paused with this change until ${primaryTargetName(canary)} serves`);
  }
  if (stage === "bootstrapping") {
    const primary = isKnative(canary.spec.targetRef) ? `a primary of ${name}` : primaryTargetName(canary);
    return warning(`${primary} does not serve yet: this change is rolled out without analysis`);
  }
  if (canary.spec.suspend === true) {
    return warning(`canary ${canary.metadata.name} is suspended: the release of ${name} waits for spec.suspend: false`);
  }
  const promoted = canary.status?.lastPromotedSpec === revision;
  if (stage === "releasing") {
    return promoted
      ? warning(`${name} goes back to the promoted revision: the running release ends`)
      : warning(`analysis of ${name} restarts: ${plan(canary)}`);
  }
  return promoted
    ? warning(`${name} goes back to the promoted revision: nothing to release`)
    : warning(`${name} will be released ${plan(canary)}`);
}
