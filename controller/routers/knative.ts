import {
  type Canary,
  fieldsOf,
  itemsOf,
  knownKeys,
  numberOf,
  type ObjectRef,
  type RawObject,
  type Resource,
  targetName,
  textsOf,
} from "../../api/index.ts";
import { comparing } from "./comparing.ts";
import { besideCanary, type Objects, type Router, type RouteState, trafficOf } from "./router.ts";

const knativeServices: Resource = {
  group: "serving.knative.dev",
  version: "v1",
  plural: "services",
  kind: "Service",
};

/**
 * The user's own Service of Knative, which splits requests between its revisions: the newest is the canary, and an annotation names
 * the one that is the primary. Of the Service only `spec.traffic` and that annotation are ours.
 */
export const knativeRouter: Router = comparing({
  provider: "knative",
  obstacle: (canary, objects) =>
    primaryRevision(canary, objects) === undefined
      ? `Service ${targetName(canary)}.${canary.metadata.namespace ?? ""} has no revision yet`
      : undefined,
  watches: (canary) => [refOf(canary)],
  read: (canary, objects) => readTraffic(canary, objects),
  render: (canary, traffic, objects) => {
    const revisionName = primaryRevision(canary, objects) ?? "";
    return [
      {
        ...identity(canary, { [knownKeys.primaryRevision]: revisionName }),
        spec: {
          traffic: [
            { latestRevision: true, percent: traffic.canary },
            { revisionName, percent: traffic.primary },
          ],
        },
      },
    ];
  },
  release: (canary, objects) =>
    textsOf(objects(refOf(canary))?.metadata.annotations)[knownKeys.primaryRevision] === undefined
      ? []
      : [{ ...identity(canary, {}), spec: { traffic: [{ latestRevision: true, percent: 100 }] } }],
});

function refOf(canary: Canary): ObjectRef {
  return besideCanary(canary, knativeServices, targetName(canary));
}

function identity(canary: Canary, annotations: Readonly<Record<string, string>>): RawObject {
  return {
    apiVersion: "serving.knative.dev/v1",
    kind: knativeServices.kind,
    metadata: { name: targetName(canary), namespace: canary.metadata.namespace ?? "", annotations },
  };
}

/** The revision that is promoted; before the first release the one that is there. */
function primaryRevision(canary: Canary, objects: Objects): string | undefined {
  const live = objects(refOf(canary));
  const named = textsOf(live?.metadata.annotations)[knownKeys.primaryRevision];
  return named ?? textsOf(live?.["status"])["latestCreatedRevisionName"];
}

/**
 * Read from the spec: there the newest revision and the promoted one are two entries even when they are the same one, which the
 * status does not tell apart.
 */
function readTraffic(canary: Canary, objects: Objects): RouteState {
  const live = objects(refOf(canary));
  const entries = itemsOf(fieldsOf(live?.["spec"])["traffic"]);
  const revision = primaryRevision(canary, objects);
  const newest = entries.find((entry) => entry["latestRevision"] === true);
  const promoted = entries.find((entry) => entry["latestRevision"] !== true && entry["revisionName"] === revision);
  if (newest === undefined || promoted === undefined) {
    return undefined;
  }
  return trafficOf(
    Math.max(0, numberOf(promoted["percent"]) ?? 0),
    Math.max(0, numberOf(newest["percent"]) ?? 0),
    false,
  );
}
