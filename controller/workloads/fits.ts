import { canonicalJson, type Fields, type Fit, fieldsOf, isSubset, itemsOf, type RawObject } from "../../api/index.ts";

/**
 * Whether a live object is as we want it: everything we state is there. What only the live object has was filled in by the server or by
 * other people and stays. Of a Service the selector and the ports must be exactly ours, for anything more there would move traffic.
 */
export function fits(live: RawObject | undefined, desired: RawObject): Fit {
  if (live === undefined) {
    return "absent";
  }
  const { apiVersion: _version, kind, metadata, spec, ...rest } = desired;
  const same =
    fitsMetadata(live, desired) &&
    (kind === "Service" ? fitsService(fieldsOf(live["spec"]), fieldsOf(spec)) : isSubset(spec, live["spec"])) &&
    isSubset(rest, live);
  return same ? "fits" : "differs";
}

function fitsMetadata(live: RawObject, desired: RawObject): boolean {
  const { ownerReferences = [], ...metadata } = desired.metadata;
  const owners = live.metadata.ownerReferences ?? [];
  return (
    isSubset(metadata, live.metadata) &&
    ownerReferences.every((wanted) => owners.some((owner) => isSubset(wanted, owner)))
  );
}

function fitsService(live: Fields, desired: Fields): boolean {
  const { selector, ports, ...rest } = desired;
  return (
    canonicalJson(selector ?? {}) === canonicalJson(live["selector"] ?? {}) &&
    samePorts(itemsOf(live["ports"]), itemsOf(ports)) &&
    isSubset(rest, live)
  );
}

/** The same ports in any order, matched by name. */
function samePorts(live: readonly Fields[], desired: readonly Fields[]): boolean {
  return (
    live.length === desired.length &&
    desired.every((port) => {
      const found = live.find((candidate) => (candidate["name"] ?? "") === (port["name"] ?? ""));
      // appProtocol is optional: one that only the live port has is a leftover.
      return found !== undefined && isSubset(port, found) && found["appProtocol"] === port["appProtocol"];
    })
  );
}
