import { apisixRouter } from "./apisix.ts";
import { appmeshRouter } from "./appmesh.ts";
import { appmeshV1Beta2Router } from "./appmeshV1Beta2.ts";
import { contourRouter } from "./contour.ts";
import { gatewayApiV1Beta1Router, gatewayApiV1Router } from "./gatewayapi.ts";
import { glooRouter } from "./gloo.ts";
import { istioRouter } from "./istio.ts";
import { knativeRouter } from "./knative.ts";
import { kubernetesRouter } from "./kubernetes.ts";
import { kumaRouter } from "./kuma.ts";
import { nginxRouter } from "./nginx.ts";
import type { Router } from "./router.ts";
import { skipperRouter } from "./skipper.ts";
import { linkerdRouter, osmRouter, smiV1Alpha1Router, smiV1Alpha2Router, smiV1Alpha3Router } from "./smi.ts";
import { traefikRouter } from "./traefik.ts";

const exact = [
  apisixRouter,
  appmeshRouter,
  contourRouter,
  istioRouter,
  knativeRouter,
  kubernetesRouter,
  kumaRouter,
  linkerdRouter,
  nginxRouter,
  osmRouter,
  skipperRouter,
  traefikRouter,
];

/** The order decides: every `gatewayapi:v1beta1` also begins with `gatewayapi:v1`. */
const byPrefix = [
  appmeshV1Beta2Router,
  glooRouter,
  smiV1Alpha1Router,
  smiV1Alpha2Router,
  smiV1Alpha3Router,
  gatewayApiV1Beta1Router,
  gatewayApiV1Router,
];

/** Every router, one per value of `spec.provider`. */
export const routers: readonly Router[] = [...exact, ...byPrefix];

const byName: ReadonlyMap<string, Router> = new Map(exact.map((router) => [router.provider, router]));

/** The router of a provider; the spelling may be looser in the flag than in `spec.provider`. Undefined: there is none. */
export function routerFor(provider: string): Router | undefined {
  return byName.get(provider) ?? byPrefix.find((router) => provider.startsWith(router.provider));
}
