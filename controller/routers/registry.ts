import { gatewayApiV1Beta1Router, gatewayApiV1Router } from "./gatewayapi.ts";
import { kubernetesRouter } from "./kubernetes.ts";
import type { Router } from "./router.ts";
import { traefikRouter } from "./traefik.ts";

const exact: ReadonlyMap<string, Router> = new Map(
  [kubernetesRouter, traefikRouter].map((router) => [router.provider, router]),
);

/** The order decides: every `gatewayapi:v1beta1` also begins with `gatewayapi:v1`. */
const byPrefix: readonly Router[] = [gatewayApiV1Beta1Router, gatewayApiV1Router];

/** The router of a provider; the spelling may be looser in the flag than in `spec.provider`. Undefined: there is none (yet). */
export function routerFor(provider: string): Router | undefined {
  return exact.get(provider) ?? byPrefix.find((router) => provider.startsWith(router.provider));
}
