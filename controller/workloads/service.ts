import {
  annotations,
  type Canary,
  canaryName,
  copiedServiceSpec,
  type Fields,
  fieldsOf,
  ownerReferenceOf,
  primaryName,
  type RawObject,
  revisionOfService,
  serviceResource,
} from "../../api/index.ts";
import { fits } from "./fits.ts";
import { revisionOfPrimary } from "./primary.ts";
import { serviceName, withoutOthers } from "./services.ts";
import { inherited } from "./template.ts";
import type { WorkloadKind } from "./workload.ts";

/**
 * A Service whose spec is released: it says where requests go. The copy for the canary follows it at once, the copy for the primary with
 * a promotion; the route leads to the copies. The target itself is never written, and the pods behind it are none of ours.
 */
export const service: WorkloadKind = {
  resource: serviceResource,
  obstacle: () => undefined,
  // The name that routes lead to.
  primaryName,
  primary: (canary, target, { includeLabelPrefix }) => {
    const revision = revisionOfService(target);
    const marks = { [annotations.revision]: revision, [annotations.template]: revision };
    return copyOf(canary, "primary", target, includeLabelPrefix, marks);
  },
  withoutOthers: (wanted, written) => (fits(written, wanted) === "fits" ? undefined : withoutOthers(wanted, written)),
  revisionOfTarget: revisionOfService,
  revisionOfPrimary,
  services: {
    roles: ["canary"],
    // It carries its revision, so that it also differs by what the target no longer says.
    service: (canary, _role, target) =>
      copyOf(canary, "canary", target, ["*"], { [annotations.revision]: revisionOfService(target) }),
    released: () => undefined,
    reached: (canary, target) =>
      fieldsOf(target["spec"])["type"] === "ExternalName"
        ? {}
        : { canary: canaryName(canary), primary: primaryName(canary) },
  },
  available: () => 1,
  readiness: () => ({ ready: true }),
};

function copyOf(
  canary: Canary,
  role: "canary" | "primary",
  target: RawObject,
  prefixes: readonly string[],
  marks: Readonly<Record<string, string>>,
): RawObject {
  const given = canary.spec.service?.[role];
  return {
    apiVersion: "v1",
    kind: serviceResource.kind,
    metadata: {
      name: serviceName(canary, role),
      namespace: canary.metadata.namespace ?? "",
      labels: { ...inherited(target.metadata.labels, prefixes), ...given?.labels },
      annotations: { ...inherited(target.metadata.annotations, prefixes), ...given?.annotations, ...marks },
      ownerReferences: [ownerReferenceOf(canary)],
    },
    spec: { ...copiedServiceSpec(target), ...headlessness(target) },
  };
}

/** An address is given to one Service, having none is a property of all. */
function headlessness(target: RawObject): Fields {
  return fieldsOf(target["spec"])["clusterIP"] === "None" ? { clusterIP: "None" } : {};
}
