/** Defaults of pod specs, as in shared/kube/http/deployment-defaulting.json. */
import { each, fill, type Json } from "./fill.ts";

/** Defaults that pod templates and pods share. */
export function defaultPodSpec(spec: Json): void {
  if (spec.serviceAccountName === undefined && spec.serviceAccount !== undefined) {
    spec.serviceAccountName = spec.serviceAccount;
  }
  if (spec.serviceAccountName !== undefined) spec.serviceAccount = spec.serviceAccountName;
  fill(spec, {
    restartPolicy: "Always",
    terminationGracePeriodSeconds: 30,
    dnsPolicy: "ClusterFirst",
    securityContext: {},
    schedulerName: "default-scheduler",
  });
  for (const container of [...each(spec.initContainers), ...each(spec.containers), ...each(spec.ephemeralContainers)]) {
    defaultContainer(container, spec.hostNetwork === true);
  }
  for (const volume of each(spec.volumes)) defaultVolume(volume);
}

/** Defaults of pods alone. */
export function defaultPod(spec: Json): void {
  defaultPodSpec(spec);
  fill(spec, { enableServiceLinks: true });
  for (const container of [...each(spec.initContainers), ...each(spec.containers)]) {
    const { limits } = container.resources;
    if (limits !== undefined) container.resources.requests = { ...limits, ...container.resources.requests };
  }
}

/** What the API server's own admission adds to a new pod: service account, priority, tolerations. Nobody owns it. */
export function admitPod(spec: Json): void {
  fill(spec, { serviceAccountName: "default", priority: 0, preemptionPolicy: "PreemptLowerPriority" });
  spec.serviceAccount = spec.serviceAccountName;
  tolerate(spec, "node.kubernetes.io/not-ready");
  tolerate(spec, "node.kubernetes.io/unreachable");
}

function tolerate(spec: Json, key: string): void {
  const tolerations = each(spec.tolerations);
  const known = tolerations.some(
    (toleration) => (toleration.key ?? key) === key && (toleration.effect ?? "NoExecute") === "NoExecute",
  );
  if (known) return;
  spec.tolerations = [...tolerations, { key, operator: "Exists", effect: "NoExecute", tolerationSeconds: 300 }];
}

function defaultContainer(container: Json, hostNetwork: boolean): void {
  fill(container, {
    resources: {},
    terminationMessagePath: "/dev/termination-log",
    terminationMessagePolicy: "File",
    imagePullPolicy: pullPolicyOf(container.image),
  });
  for (const port of each(container.ports)) {
    fill(port, { protocol: "TCP" });
    if (hostNetwork) fill(port, { hostPort: port.containerPort });
  }
  for (const { valueFrom } of each(container.env)) {
    if (valueFrom?.fieldRef) fill(valueFrom.fieldRef, { apiVersion: "v1" });
    if (valueFrom?.resourceFieldRef) fill(valueFrom.resourceFieldRef, { divisor: "0" });
  }
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) {
    if (probe === undefined) continue;
    fill(probe, { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 });
    defaultHandler(probe);
  }
  for (const handler of [container.lifecycle?.postStart, container.lifecycle?.preStop]) {
    if (handler !== undefined) defaultHandler(handler);
  }
}

function defaultHandler(handler: Json): void {
  if (handler.httpGet) fill(handler.httpGet, { path: "/", scheme: "HTTP" });
  if (handler.grpc) fill(handler.grpc, { service: "" });
}

/** Images without a tag, or tagged `latest`, are pulled always. */
function pullPolicyOf(image: unknown): string {
  const reference = typeof image === "string" ? image : "";
  if (reference.includes("@")) return "IfNotPresent";
  const tag = /:([^/:]+)$/.exec(reference)?.[1] ?? "latest";
  return tag === "latest" ? "Always" : "IfNotPresent";
}

function defaultVolume(volume: Json): void {
  if (Object.keys(volume).every((key) => key === "name")) volume.emptyDir = {};
  for (const source of ["secret", "configMap", "downwardAPI", "projected"]) {
    if (volume[source]) fill(volume[source], { defaultMode: 0o644 });
  }
  if (volume.hostPath) fill(volume.hostPath, { type: "" });
  if (volume.ephemeral?.volumeClaimTemplate?.spec) {
    fill(volume.ephemeral.volumeClaimTemplate.spec, { volumeMode: "Filesystem" });
  }
  const files = [...each(volume.downwardAPI?.items)];
  for (const source of each(volume.projected?.sources)) {
    if (source.serviceAccountToken) fill(source.serviceAccountToken, { expirationSeconds: 3600 });
    files.push(...each(source.downwardAPI?.items));
  }
  for (const { fieldRef, resourceFieldRef } of files) {
    if (fieldRef) fill(fieldRef, { apiVersion: "v1" });
    if (resourceFieldRef) fill(resourceFieldRef, { divisor: "0" });
  }
}
