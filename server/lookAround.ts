import type { ObjectRef } from "../api/index.ts";
import type { Api } from "../controller/kube/api.ts";
import { nothingSeen, type Role, referencesOf, type Seen, type Surroundings } from "../mutators/surroundings.ts";
import type { AdmissionRequest } from "../mutators/types.ts";

export type LookApi = Pick<Api, "get">;

/** A slow API server costs the check, not the write. It leaves time for the question that may follow, whether the writer may bypass. */
const deadlineMs = 1_500;

/** Reads by name what an object refers to, all at once. Never fails: what cannot be read in time, or may not be, is unknown. */
export function createLookAround(api: LookApi, readSecrets: boolean) {
  const look = async (role: Role, ref: ObjectRef, timeoutMs: number): Promise<readonly [Role, Seen]> => {
    try {
      return [role, (await api.get(ref, { timeoutMs })) ?? "absent"];
    } catch {
      return [role, "unknown"];
    }
  };
  return (request: AdmissionRequest, leftMs: number): Promise<Surroundings> | undefined => {
    const timeoutMs = Math.min(deadlineMs, leftMs);
    const wanted = [...referencesOf(request)].filter(([role]) => readSecrets || role !== "secret");
    return wanted.length === 0 ? undefined : lookAtAll(wanted.map(([role, ref]) => look(role, ref, timeoutMs)));
  };
}

async function lookAtAll(looks: readonly Promise<readonly [Role, Seen]>[]): Promise<Surroundings> {
  return { ...nothingSeen, ...Object.fromEntries(await Promise.all(looks)) };
}
