import type { MetricTemplateSpec } from "../../api/index.ts";
import { prometheus } from "./prometheus.ts";
import type { ProviderFactory } from "./provider.ts";

/** Every metrics system we can ask; a new one is a file and a line here. */
const factories: Partial<Record<MetricTemplateSpec["provider"]["type"], ProviderFactory>> = { prometheus };

/** What builds a provider of this type. */
export function providerFactory(type: MetricTemplateSpec["provider"]["type"]): ProviderFactory {
  return factories[type] ?? (() => ({ problem: `the type ${type} is not supported yet` }));
}
