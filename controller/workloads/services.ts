import {
  apexName,
  type Canary,
  canaryName,
  definedOnly,
  driftMarks,
  type Fields,
  fieldsOf,
  itemsOf,
  knownKeys,
  mainPort,
  mayOwn,
  numberOf,
  ownerReferenceOf,
  portName,
  primaryLabelValue,
  primaryName,
  type RawObject,
  servicePort,
  serviceResource,
  targetPort,
  textsOf,
} from "../../api/index.ts";
import type { SelectorLabel, ServiceRole } from "./workload.ts";

/** Name of a generated Service. */
export function serviceName(canary: Canary, role: ServiceRole): string {
  return role === "apex" ? apexName(canary) : role === "primary" ? primaryName(canary) : canaryName(canary);
}

/**
 * A Service as it should be. One that a user made before us is taken over: only selector, ports and the marks for GitOps tools, no
 * labels and no owner, so that it survives the Canary. The list of ports is a map to server-side apply, which therefore cannot take a
 * user's extra port away: the body of a taken-over Service is a merge patch. `nodePort`s of the live one are kept.
 */
export function generatedService(
  canary: Canary,
  role: ServiceRole,
  label: SelectorLabel,
  target: RawObject,
  live: RawObject | undefined,
): RawObject {
  const selector = { [label.key]: role === "canary" ? label.value : primaryLabelValue(label.value) };
  const ports = portsOf(canary, target, live);
  const name = serviceName(canary, role);
  const identity = { name, namespace: canary.metadata.namespace ?? "" };
  if (!mayOwn(live, canary)) {
    return {
      apiVersion: "v1",
      kind: serviceResource.kind,
      metadata: { ...identity, annotations: driftMarks },
      spec: { selector: patchOf(selector, live), ports },
    };
  }
  const given = canary.spec.service?.[role];
  return {
    apiVersion: "v1",
    kind: serviceResource.kind,
    metadata: {
      ...identity,
      labels: { ...given?.labels, [label.key]: name },
      annotations: { ...given?.annotations, ...driftMarks },
      ownerReferences: [ownerReferenceOf(canary)],
    },
    spec: { ...kindOfService(canary, live), selector, ports },
  };
}

/** The selector as a merge patch: labels that only the live one has are taken away, for they would narrow what it selects. */
function patchOf(selector: Readonly<Record<string, string>>, live: RawObject | undefined): Fields {
  const others = Object.keys(fieldsOf(fieldsOf(live?.["spec"])["selector"])).filter((key) => !(key in selector));
  return { ...selector, ...Object.fromEntries(others.map((key) => [key, null])) };
}

/** A merge patch for what server-side apply cannot do: selector and ports lose what others added to them. */
export function withoutOthers(wanted: RawObject, live: RawObject): object {
  const { selector, ports } = fieldsOf(wanted["spec"]);
  return { spec: { selector: patchOf(textsOf(selector), live), ports } };
}

/** Whether an apex Service is ours to hand back: we made it, or it was turned to the primary. One that never was stays as its user wrote it. */
export function wasTurned(live: RawObject, canary: Canary, label: SelectorLabel): boolean {
  const selector = fieldsOf(fieldsOf(live["spec"])["selector"]);
  return mayOwn(live, canary) || selector[label.key] === primaryLabelValue(label.value);
}

/** Fields that are chosen at creation. Later they are stated as they are: the server refuses to change an address, and a type somebody changed is theirs. */
function kindOfService(canary: Canary, live: RawObject | undefined): Fields {
  const { headless, trafficDistribution } = canary.spec.service ?? {};
  const spec = fieldsOf(live?.["spec"]);
  const isHeadless = live === undefined ? headless === true : spec["clusterIP"] === "None";
  return definedOnly({
    type: live === undefined ? "ClusterIP" : (spec["type"] ?? "ClusterIP"),
    clusterIP: isHeadless ? "None" : undefined,
    trafficDistribution,
  });
}

/** The main port, then those found in the pod template, in the order of the template. */
function portsOf(canary: Canary, target: RawObject, live: RawObject | undefined): readonly Fields[] {
  const found = canary.spec.service?.portDiscovery === true ? discoveredPorts(canary, target) : [];
  const before = itemsOf(fieldsOf(live?.["spec"])["ports"]);
  return [mainPort(canary), ...found].map((port) => {
    const nodePort = numberOf(before.find((candidate) => candidate["name"] === port["name"])?.["nodePort"]);
    return nodePort === undefined ? port : { ...port, nodePort };
  });
}

/** Sidecars of meshes open ports of their own, which are not the application's. */
const meshContainers: ReadonlySet<unknown> = new Set(["istio-proxy", "envoy"]);

function discoveredPorts(canary: Canary, target: RawObject): readonly Fields[] {
  const template = fieldsOf(fieldsOf(target["spec"])["template"]);
  const taken = new Set<unknown>([portName(canary), servicePort(canary)]);
  const ports: Fields[] = [];
  for (const container of itemsOf(fieldsOf(template["spec"])["containers"])) {
    if (meshContainers.has(container["name"])) {
      continue;
    }
    for (const [index, port] of itemsOf(container["ports"]).entries()) {
      const number = numberOf(port["containerPort"]);
      const name = String(port["name"] || `tcp-${String(container["name"])}-${index}`);
      // A name or number twice would make the API server refuse the whole Service.
      if (number === undefined || isMainPort(canary, port) || taken.has(name) || taken.has(number)) {
        continue;
      }
      taken.add(name).add(number);
      ports.push({ name, protocol: "TCP", port: number, targetPort: number });
    }
  }
  return ports;
}

function isMainPort(canary: Canary, port: Fields): boolean {
  const wanted = targetPort(canary);
  return typeof wanted === "string" ? port["name"] === wanted : port["containerPort"] === wanted;
}

/**
 * What the apex Service shall be when the Canary goes: it selects the target's pods again, nobody owns it, and nothing keeps GitOps
 * tools away. A selector that the user once applied with kubectl comes back as it was. The body is a merge patch.
 */
export function releasedApex(canary: Canary, label: SelectorLabel, target: RawObject, live: RawObject): RawObject {
  const own = mayOwn(live, canary);
  const applied = own ? undefined : appliedSelector(live);
  const given = canary.spec.service?.apex;
  return {
    apiVersion: "v1",
    kind: serviceResource.kind,
    metadata: {
      name: apexName(canary),
      namespace: canary.metadata.namespace ?? "",
      ...(own
        ? {
            labels: { ...given?.labels, [label.key]: apexName(canary) },
            ...(given?.annotations === undefined ? {} : { annotations: given.annotations }),
          }
        : {}),
    },
    spec: {
      ...(own ? kindOfService(canary, live) : {}),
      selector: patchOf(applied ?? { [label.key]: label.value }, live),
      ports: portsOf(canary, target, live),
    },
  };
}

/** The selector in the copy that `kubectl apply` keeps; none when there is no copy, or none that is readable. */
function appliedSelector(live: RawObject): Readonly<Record<string, string>> | undefined {
  const text = live.metadata.annotations?.[knownKeys.lastApplied];
  if (text === undefined) {
    return undefined;
  }
  try {
    const selector = textsOf(fieldsOf(fieldsOf(JSON.parse(text))["spec"])["selector"]);
    return Object.keys(selector).length > 0 ? selector : undefined;
  } catch {
    return undefined;
  }
}
