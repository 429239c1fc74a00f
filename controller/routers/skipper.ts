import {
  apexName,
  type Canary,
  canaryName,
  fieldsOf,
  numberOf,
  primaryName,
  type RawObject,
  type Traffic,
  textsOf,
} from "../../api/index.ts";
import { comparing } from "./comparing.ts";
import { canaryIngressRefOf, ingressProblems, ingressRefOf, pathTo, serviceOf, withPaths } from "./ingress.ts";
import { copiedMetadata } from "./metadata.ts";
import { type Objects, type Router, type RouteState, trafficOf } from "./router.ts";
import { sentenceOf } from "./testedClients.ts";

const weightsKey = "zalando.org/backend-weights";
const predicateKey = "zalando.org/skipper-predicate";

/** Wins over the user's Ingress for the same hosts and paths. */
const preferred = "Weight(100)";
/** Matches nobody. */
const off = "False()";

/**
 * A second Ingress for the same hosts and paths, where each path to the apex Service leads to the primary and to the canary. It is
 * switched off while the canary has no share: then the user's own, which is never written, serves through the apex Service.
 */
export const skipperRouter: Router = comparing({
  provider: "skipper",
  obstacle: (canary, objects) => sentenceOf(ingressProblems(canary, apexName(canary), objects)),
  watches: (canary) => [canaryIngressRefOf(canary)],
  sources: (canary) => [ingressRefOf(canary)],
  read: (canary, objects) => readAnnotations(canary, objects(canaryIngressRefOf(canary))),
  render,
  release: (canary, objects) => {
    const there = objects(canaryIngressRefOf(canary)) !== undefined;
    return there ? render(canary, { primary: 100, canary: 0, mirror: false }, objects) : [];
  },
});

function render(canary: Canary, traffic: Traffic, objects: Objects): readonly RawObject[] {
  const source = objects(ingressRefOf(canary));
  if (source === undefined) {
    return [];
  }
  const ref = canaryIngressRefOf(canary);
  const metadata = copiedMetadata(canary, ref.name, { of: source, live: objects(ref), dropped: () => false });
  const apex = apexName(canary);
  const annotations = {
    // Sorted by name, as it is in every language that sorts the keys of a map.
    [weightsKey]: JSON.stringify({ [canaryName(canary)]: traffic.canary, [primaryName(canary)]: traffic.primary }),
    [predicateKey]: predicateOf(
      textsOf(source.metadata.annotations)[predicateKey],
      traffic.canary > 0 ? preferred : off,
    ),
  };
  return [
    {
      apiVersion: "networking.k8s.io/v1",
      kind: ref.resource.kind,
      metadata: { ...metadata, annotations: { ...metadata.annotations, ...annotations } },
      spec: withPaths(source, (paths) => [
        ...paths.map((path) => (serviceOf(path) === apex ? pathTo(primaryName(canary), path) : path)),
        ...paths.filter((path) => serviceOf(path) === apex).map((path) => pathTo(canaryName(canary), path)),
      ]),
    },
  ];
}

/** The user's predicates behind ours. */
function predicateOf(users: string | undefined, ours: string): string {
  const kept = (users ?? "").split("&&").map((predicate) => predicate.trim());
  return [ours, ...kept.filter((predicate) => predicate !== "" && predicate !== preferred && predicate !== off)].join(
    " && ",
  );
}

function readAnnotations(canary: Canary, live: RawObject | undefined): RouteState {
  const annotations = textsOf(live?.metadata.annotations);
  const predicates = (annotations[predicateKey] ?? "").split("&&").map((predicate) => predicate.trim());
  const weights = weightsIn(annotations[weightsKey]);
  const [primary, share] = [weights[primaryName(canary)], weights[canaryName(canary)]].map(numberOf);
  if (primary === undefined || share === undefined) {
    return undefined;
  }
  return trafficOf(Math.max(0, primary), predicates.includes(off) ? 0 : Math.max(0, share), false);
}

function weightsIn(text: string | undefined): Readonly<Record<string, unknown>> {
  try {
    return fieldsOf(JSON.parse(text ?? ""));
  } catch {
    return {};
  }
}
