import {
  apexName,
  type Canary,
  type Fields,
  isSubset,
  itemsOf,
  mainPort,
  primaryLabelValue,
  selectorLabels,
  servicePort,
} from "../api/index.ts";
import { bystander } from "./bystanders.ts";
import { canaryWith, careless, writtenName } from "./care.ts";
import { fieldAt, isFields, textAt } from "./fields.ts";
import { forms } from "./forms.ts";
import { stageOf } from "./stage.ts";
import { mutateTarget } from "./target.ts";
import { type AdmissionRequest, type Index, type Outcome, type PatchOp, untouched } from "./types.ts";
import { warning } from "./warning.ts";

/**
 * A write to a Service. The apex gets selector and ports back in the same request: a chart that is applied again would turn users to
 * the target, which has no pods at rest. Generated Services are guarded. One that is released itself is a target as others are.
 */
export function mutateService(request: AdmissionRequest, index: Index): Outcome {
  if (request.subResource !== undefined) {
    return untouched("NotWatched");
  }
  const passing = bystander(request, index);
  if (passing !== undefined) {
    return untouched(passing);
  }
  if (request.operation === "CREATE" || request.operation === "UPDATE") {
    const name = writtenName(request);
    const isApex = (canary: Canary) => apexName(canary) === name && canary.spec.targetRef.kind !== "Service";
    const canary = canaryWith(request, index, isApex);
    if (canary !== undefined) {
      return apex(request, canary);
    }
  }
  return mutateTarget(forms.service, request, index);
}

function apex(request: AdmissionRequest, canary: Canary): Outcome {
  const { object, oldObject } = request;
  const passes = careless(canary);
  if (passes !== undefined) {
    return untouched(passes);
  }
  const spec = fieldAt(object, "spec");
  if (!isFields(spec)) {
    return untouched("Unreadable");
  }
  if (fieldAt(object, "metadata", "deletionTimestamp") !== undefined) {
    return untouched("BeingDeleted");
  }
  // Until the primary serves, the target's pods are all there is.
  if (stageOf(canary) === "bootstrapping" || servicePort(canary) === 0) {
    return untouched("Unchanged");
  }
  const selector = selectorOf(object, oldObject);
  const ports = portsOf(canary, object, oldObject);
  const patch: PatchOp[] = [];
  if (selector !== undefined && !isSame(selector, fieldAt(spec, "selector"))) {
    patch.push({ op: "add", path: "/spec/selector", value: selector });
  }
  if (!isSubset(ports, fieldAt(spec, "ports") ?? null)) {
    patch.push({ op: "add", path: "/spec/ports", value: ports });
  }
  if (patch.length === 0) {
    return untouched("Unchanged");
  }
  const what = patch.map(({ path }) => path.slice("/spec/".length)).join(" and ");
  const text = `Service ${apexName(canary)} keeps its ${what}: see spec.service of canary ${canary.metadata.name}`;
  return { kind: "patched", why: "ServiceRestored", warnings: [warning(text)], patch };
}

/**
 * The selector of the primary's pods. The stored Service has it once the controller has turned it; one that is made anew tells the
 * target's label. Undefined when neither does: the controller knows the target, and will turn it.
 */
function selectorOf(object: unknown, old: unknown): Fields | undefined {
  const stored = fieldAt(old, "spec", "selector");
  const [only, ...others] = isFields(stored) ? Object.values(stored) : [];
  if (isFields(stored) && others.length === 0 && typeof only === "string" && only.endsWith(primaryLabelValue(""))) {
    return stored;
  }
  const key = selectorLabels.find((label) => textAt(object, "spec", "selector", label));
  const value = key === undefined ? undefined : textAt(object, "spec", "selector", key);
  if (key === undefined || value === undefined) {
    return undefined;
  }
  return { [key]: value.endsWith(primaryLabelValue("")) ? value : primaryLabelValue(value) };
}

function isSame(wanted: Fields, now: unknown): boolean {
  return isFields(now) && Object.keys(now).length === Object.keys(wanted).length && isSubset(wanted, now);
}

/** The Canary's port, and with discovery the ports that the controller found in the pods. A node port that was asked for is kept. */
function portsOf(canary: Canary, object: unknown, old: unknown): readonly Fields[] {
  const main = mainPort(canary);
  const written = itemsOf(fieldAt(object, "spec", "ports"));
  const stored = itemsOf(fieldAt(old ?? object, "spec", "ports"));
  const found = canary.spec.service?.portDiscovery === true ? stored : [];
  const nodePort = written.find(({ name }) => name === main.name)?.["nodePort"];
  return [
    nodePort === undefined ? main : { ...main, nodePort },
    ...found.filter(({ name, port }) => name !== main.name && port !== main.port),
  ];
}
