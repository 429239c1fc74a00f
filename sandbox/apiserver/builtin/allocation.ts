/** What Services get from the cluster: addresses from 10.96.0.0/16 and node ports. */
import type { KubeObject } from "../types.ts";
import { each, type Json } from "./defaults/fill.ts";

const firstNodePort = 30000;
const nodePorts = 2768;
/** 10.96.0.1 belongs to the API server. */
const firstAddress = 2;
const addresses = 65_000;

/**
 * A settler for Services. Hands out addresses in turn rather than freely, and never takes one back: with 65 000 of them
 * no sandbox lives long enough to meet one twice, and the strategy needs to know nothing about other Services.
 */
export function createServiceSettler(): {
  settle: (object: KubeObject, old: KubeObject | undefined) => void;
  /** Takes note of a Service that was there before, so that what it has is not handed out again. */
  remember: (object: KubeObject) => void;
} {
  let address = 0;
  let port = 0;
  const nextAddress = (): string => {
    const number = firstAddress + (address++ % addresses);
    return `10.96.${number >> 8}.${number & 255}`;
  };
  const nextPort = (): number => firstNodePort + (port++ % nodePorts);
  const settle = (object: KubeObject, old: KubeObject | undefined): void => {
    const { spec } = object;
    if (spec.type === "ExternalName") {
      release(spec);
      return;
    }
    if (old !== undefined && old["spec"]?.type !== "ExternalName") keep(spec, old["spec"]);
    if (spec.clusterIP === undefined) spec.clusterIP = spec.clusterIPs?.[0] ?? nextAddress();
    if (spec.clusterIPs === undefined) spec.clusterIPs = [spec.clusterIP];
    spec.ipFamilies ??= ["IPv4"];
    spec.ipFamilyPolicy ??= "SingleStack";
    if (spec.type === "ClusterIP") return;
    for (const servicePort of each(spec.ports)) servicePort.nodePort ??= nextPort();
  };
  const remember = ({ spec }: KubeObject): void => {
    const [, high, low] = /^10\.96\.(\d+)\.(\d+)$/.exec(spec.clusterIP ?? "") ?? [];
    if (high !== undefined) address = Math.max(address, Number(high) * 256 + Number(low) - firstAddress + 1);
    for (const { nodePort } of each(spec.ports)) {
      if (typeof nodePort === "number") port = Math.max(port, nodePort - firstNodePort + 1);
    }
  };
  return { settle, remember };
}

function release(spec: Json): void {
  for (const field of ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"]) {
    delete spec[field];
  }
}

/** What a writer left out stays as it was. */
function keep(spec: Json, old: Json): void {
  for (const field of ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"]) {
    if (spec[field] === undefined && old?.[field] !== undefined) spec[field] = old[field];
  }
  if (spec.type === "ClusterIP") return;
  const before = each(old?.ports);
  for (const port of each(spec.ports)) {
    const twin = before.find((other) => other.port === port.port && other.protocol === port.protocol);
    if (port.nodePort === undefined && twin?.nodePort !== undefined) port.nodePort = twin.nodePort;
  }
}
