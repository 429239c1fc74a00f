/** The quality-of-service class of a pod, from what its containers ask for and are limited to. */
import { each, type Json } from "./defaults/fill.ts";

export function qualityOfService(spec: Json): "BestEffort" | "Burstable" | "Guaranteed" {
  const containers = [...each(spec?.containers), ...each(spec?.initContainers)].map(({ resources }) => resources ?? {});
  const asksForSomething = ({ limits, requests }: Json): boolean => {
    const named = Object.keys({ ...limits, ...requests });
    return named.includes("cpu") || named.includes("memory");
  };
  if (!containers.some(asksForSomething)) return "BestEffort";
  const isFixed = ({ limits = {}, requests = {} }: Json): boolean =>
    ["cpu", "memory"].every((name) => limits[name] !== undefined && (requests[name] ?? limits[name]) === limits[name]);
  return containers.every(isFixed) ? "Guaranteed" : "Burstable";
}
