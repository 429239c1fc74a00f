import {
  apiVersionOf,
  type Canary,
  fieldsOf,
  itemsOf,
  knativeServiceResource,
  knownKeys,
  numberOf,
  type ObjectRef,
  promotedRevision,
  type RawMeta,
  type RawObject,
  targetName,
} from "../../api/index.ts";
import { comparing } from "./comparing.ts";
import { besideCanary, type Objects, type Router, type RouteState, trafficOf } from "./router.ts";

/**
 * The user's own Service of Knative, which splits requests between its revisions: the newest is the canary, and an annotation names
 * the one that is the primary. A promotion writes it (controller/workloads/knative.ts); here it is stated beside the traffic that names it.
 */
export const knativeRouter: Router = comparing({
  provider: "knative",
  // Why there is no revision yet is the target's matter; without a promoted one there is nothing to render.
  obstacle: () => undefined,
  watches: (canary) => [refOf(canary)],
  read: (canary, objects) => readTraffic(canary, objects),
  render: (canary, traffic, objects) => {
    const revisionName = promotedRevision(objects(refOf(canary)));
    return revisionName === undefined
      ? []
      : [
          routed(canary, { annotations: { [knownKeys.primaryRevision]: revisionName } }, [
            { latestRevision: true, percent: traffic.canary },
            { revisionName, percent: traffic.primary },
          ]),
        ];
  },
  release: (canary, objects) =>
    readTraffic(canary, objects) === undefined ? [] : [routed(canary, {}, [{ latestRevision: true, percent: 100 }])],
});

function refOf(canary: Canary): ObjectRef {
  return besideCanary(canary, knativeServiceResource, targetName(canary));
}

function routed(canary: Canary, metadata: Partial<RawMeta>, traffic: readonly object[]): RawObject {
  return {
    apiVersion: apiVersionOf(knativeServiceResource),
    kind: knativeServiceResource.kind,
    metadata: { name: targetName(canary), namespace: canary.metadata.namespace ?? "", ...metadata },
    spec: { traffic },
  };
}

/**
 * Read from the spec: there the newest revision and the promoted one are two entries even when they are the same one, which the
 * status does not tell apart.
 */
function readTraffic(canary: Canary, objects: Objects): RouteState {
  const live = objects(refOf(canary));
  const entries = itemsOf(fieldsOf(live?.["spec"])["traffic"]);
  const revision = promotedRevision(live);
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
