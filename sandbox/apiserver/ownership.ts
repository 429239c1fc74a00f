import { applyMergePatch } from "./patch/merge.ts";
import type { KubeObject, TypeSchema } from "./types.ts";
export function recordUpdate(input: {
  live: KubeObject | undefined;
  next: KubeObject;
  manager: string;
  schema: TypeSchema | undefined;
  subresource?: string;
  now: Date;
  apiVersion: string;
}): KubeObject {
  return input.next;
}
export function serverSideApply(input: {
  live: KubeObject | undefined;
  applied: KubeObject;
  manager: string;
  force: boolean;
  schema: TypeSchema | undefined;
  subresource?: string;
  now: Date;
  apiVersion: string;
}): KubeObject {
  return applyMergePatch(structuredClone(input.live ?? ({} as KubeObject)), input.applied);
}
