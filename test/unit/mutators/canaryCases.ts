/** What a Canary may say and what it may not: for every rule a mistake as people make it, and its twin without the mistake. */

export interface RuleCase {
  readonly mistake: string;
  /** Laid over the spec of a good Canary; undefined takes a field away. */
  readonly wrong: object;
  readonly right: object;
  /** Path and message of the refusal. */
  readonly refusal: string;
}

const basis = { interval: "10s", threshold: 5 };
const steps = (more: object) => ({ analysis: { ...basis, stepWeight: 5, ...more } });
const rounds = (more: object) => ({ analysis: { ...basis, iterations: 3, ...more } });
const insiders = [{ headers: { "x-tier": { exact: "insider" } } }];
const gateway = { service: { port: 80, gatewayRefs: [{ name: "edge" }] } };
const deployment = { apiVersion: "apps/v1", kind: "Deployment" };
const knative = { apiVersion: "serving.knative.dev/v1", kind: "Service", name: "shop" };
const ingressRef = { apiVersion: "networking.k8s.io/v1", kind: "Ingress", name: "shop" };
const onNginx = { provider: "nginx", ingressRef };
const on = (provider: string, spec: object) => ({ provider, ...spec });

const steppingCases: readonly RuleCase[] = [
  {
    mistake: "two ways of stepping are mixed",
    wrong: steps({ iterations: 3 }),
    right: steps({}),
    refusal: 'spec.analysis: Invalid value: "object": set exactly one of stepWeight, stepWeights and iterations',
  },
  {
    mistake: "no way of stepping is given",
    wrong: { analysis: basis },
    right: { analysis: { ...basis, stepWeights: [1, 10] } },
    refusal: 'spec.analysis: Invalid value: "object": set exactly one of stepWeight, stepWeights and iterations',
  },
  {
    mistake: "a step is above the maximum",
    wrong: steps({ stepWeight: 60, maxWeight: 50 }),
    right: steps({ stepWeight: 50, maxWeight: 50 }),
    refusal:
      "spec.analysis.stepWeight: Invalid value: 60: stepWeight must not be above maxWeight: lower stepWeight or raise maxWeight",
  },
  {
    mistake: "a step is 0",
    wrong: steps({ stepWeight: 0 }),
    right: steps({ stepWeight: 1 }),
    refusal:
      "spec.analysis.stepWeight: Invalid value: 0: spec.analysis.stepWeight in body should be greater than or equal to 1",
  },
  {
    mistake: "a weight is above 100",
    wrong: { analysis: { ...basis, stepWeights: [50, 101] } },
    right: { analysis: { ...basis, stepWeights: [50, 100] } },
    refusal:
      "spec.analysis.stepWeights[1]: Invalid value: 101: spec.analysis.stepWeights[1] in body should be less than or equal to 100",
  },
  {
    mistake: "weights do not rise",
    wrong: { analysis: { ...basis, stepWeights: [10, 10] } },
    right: { analysis: { ...basis, stepWeights: [10, 11] } },
    refusal:
      'spec.analysis.stepWeights: Invalid value: "array": each weight must be above the one before: sort stepWeights and remove duplicates',
  },
  {
    mistake: "a weight is 0",
    wrong: { analysis: { ...basis, stepWeights: [0, 10] } },
    right: { analysis: { ...basis, stepWeights: [1, 10] } },
    refusal:
      "spec.analysis.stepWeights[0]: Invalid value: 0: spec.analysis.stepWeights[0] in body should be greater than or equal to 1",
  },
  {
    mistake: "there are no iterations",
    wrong: rounds({ iterations: 0 }),
    right: rounds({ iterations: 1 }),
    refusal:
      "spec.analysis.iterations: Invalid value: 0: spec.analysis.iterations in body should be greater than or equal to 1",
  },
  {
    mistake: "a number is not whole",
    wrong: steps({ stepWeight: 2.5 }),
    right: steps({ stepWeight: 2 }),
    refusal:
      'spec.analysis.stepWeight: Invalid value: "number": spec.analysis.stepWeight in body must be of type integer: "number"',
  },
  {
    mistake: "the interval has no unit",
    wrong: steps({ interval: "10" }),
    right: steps({ interval: "1m30s" }),
    refusal: 'spec.analysis.interval: Invalid value: "10": write a duration such as 30s, 5m or 1m30s',
  },
];

const specCases: readonly RuleCase[] = [
  {
    mistake: "there is no analysis",
    wrong: { analysis: undefined },
    right: { analysis: undefined, skipAnalysis: true },
    refusal: "spec.analysis: Required value: set analysis: say how a new revision is tried",
  },
  {
    mistake: "there is no service",
    wrong: { service: undefined },
    right: { service: { port: 80 } },
    refusal: "spec.service: Required value: set service.port: the port that the generated Services listen on",
  },
  {
    mistake: "the target is a StatefulSet",
    wrong: { targetRef: { apiVersion: "apps/v1", kind: "StatefulSet", name: "db" } },
    right: { targetRef: { apiVersion: "apps/v1", kind: "DaemonSet", name: "db" } },
    refusal:
      'spec.targetRef.kind: Unsupported value: "StatefulSet": supported values: "DaemonSet", "Deployment", "Service"',
  },
  {
    mistake: "Services cannot be called like the target",
    wrong: { targetRef: { ...deployment, name: "shop.v2" } },
    right: { targetRef: { ...deployment, name: "shop.v2" }, service: { port: 80, name: "shop" } },
    refusal:
      'spec.targetRef.name: Invalid value: "shop.v2": Services cannot be called like this target: set service.name (letters, digits and -, up to 55)',
  },
  {
    mistake: "a Service cannot be called like this",
    wrong: { service: { port: 80, name: "Shop" } },
    right: { service: { port: 80, name: "shop-2" } },
    refusal:
      'spec.service.name: Invalid value: "Shop": Services cannot be called like this: use lower-case letters, digits and -',
  },
  {
    mistake: "the primary's autoscaler has bounds the wrong way round",
    wrong: {
      autoscalerRef: {
        apiVersion: "autoscaling/v2",
        kind: "HorizontalPodAutoscaler",
        name: "shop",
        primaryScalerReplicas: { minReplicas: 5, maxReplicas: 2 },
      },
    },
    right: {
      autoscalerRef: {
        apiVersion: "autoscaling/v2",
        kind: "HorizontalPodAutoscaler",
        name: "shop",
        primaryScalerReplicas: { minReplicas: 2, maxReplicas: 2 },
      },
    },
    refusal:
      "spec.autoscalerRef.primaryScalerReplicas.minReplicas: Invalid value: 5: minReplicas must not be above maxReplicas",
  },
  {
    mistake: "a path is matched in two ways",
    wrong: { service: { port: 80, match: [{ uri: { prefix: "/", exact: "/a" } }] } },
    right: { service: { port: 80, match: [{ uri: { prefix: "/" } }] } },
    refusal: 'spec.service.match[0].uri: Invalid value: "object": set at most one of exact, prefix, suffix and regex',
  },
  {
    mistake: "a header of the route is matched in two ways",
    wrong: { service: { port: 80, match: [{ headers: { a: { exact: "b", regex: "c" } } }] } },
    right: { service: { port: 80, match: [{ headers: { a: { exact: "b" } } }] } },
    refusal:
      'spec.service.match[0].headers.a: Invalid value: "object": set at most one of exact, prefix, suffix and regex',
  },
  {
    mistake: "an allowed origin says nothing",
    wrong: { service: { port: 80, corsPolicy: { allowOrigins: [{}] } } },
    right: { service: { port: 80, corsPolicy: { allowOrigins: [{ exact: "https://a.example" }] } } },
    refusal:
      'spec.service.corsPolicy.allowOrigins[0]: Invalid value: "object": set exactly one of exact, prefix, suffix and regex',
  },
  {
    mistake: "copies go to a Service without a port",
    wrong: { service: { port: 80, mirror: [{ backendRef: { name: "shadow" } }] } },
    right: { service: { port: 80, mirror: [{ backendRef: { name: "shadow", port: 80 } }] } },
    refusal:
      'spec.service.mirror[0].backendRef: Invalid value: "object": a Service needs its port: set backendRef.port',
  },
  {
    mistake: "load is balanced in two ways",
    wrong: {
      service: {
        port: 80,
        trafficPolicy: { loadBalancer: { simple: "RANDOM", consistentHash: { useSourceIp: true } } },
      },
    },
    right: { service: { port: 80, trafficPolicy: { loadBalancer: { simple: "RANDOM" } } } },
    refusal: 'spec.service.trafficPolicy.loadBalancer: Invalid value: "object": set one of simple and consistentHash',
  },
];

const checkCases: readonly RuleCase[] = [
  {
    mistake: "a check is unknown and has no template",
    wrong: steps({ metrics: [{ name: "latency", thresholdRange: { max: 1 } }] }),
    right: steps({ metrics: [{ name: "latency", thresholdRange: { max: 1 }, templateRef: { name: "latency" } }] }),
    refusal:
      'spec.analysis.metrics[0]: Invalid value: "object": a check that is not built in needs a templateRef (built in are request-success-rate and request-duration)',
  },
  {
    mistake: "bounds are the wrong way round",
    wrong: steps({ metrics: [{ name: "request-duration", thresholdRange: { min: 5, max: 1 } }] }),
    right: steps({ metrics: [{ name: "request-duration", thresholdRange: { min: 1, max: 5 } }] }),
    refusal: 'spec.analysis.metrics[0].thresholdRange: Invalid value: "object": min must not be above max',
  },
  {
    mistake: "a hook has no scheme",
    wrong: steps({ webhooks: [{ name: "gate", url: "gate.demo" }] }),
    right: steps({ webhooks: [{ name: "gate", url: "http://gate.demo", timeout: "500ms" }] }),
    refusal: 'spec.analysis.webhooks[0].url: Invalid value: "gate.demo": url must start with http:// or https://',
  },
  {
    mistake: "an alert has an unknown severity",
    wrong: steps({ alerts: [{ name: "team", severity: "fatal", providerRef: { name: "slack" } }] }),
    right: steps({ alerts: [{ name: "team", severity: "error", providerRef: { name: "slack" } }] }),
    refusal:
      'spec.analysis.alerts[0].severity: Unsupported value: "fatal": supported values: "", "info", "warn", "error"',
  },
  {
    mistake: "both cookies have one name",
    wrong: steps({ sessionAffinity: { cookieName: "a", primaryCookieName: "a" } }),
    right: steps({ sessionAffinity: { cookieName: "a", primaryCookieName: "b" } }),
    refusal:
      'spec.analysis.sessionAffinity.primaryCookieName: Invalid value: "a": primaryCookieName must differ from cookieName',
  },
  {
    mistake: "A/B testing has no iterations",
    wrong: steps({ match: insiders }),
    right: rounds({ match: insiders }),
    refusal:
      'spec.analysis.match: Invalid value: "array": A/B testing needs iterations: set iterations, or remove match',
  },
  {
    mistake: "a match of A/B testing takes everybody",
    wrong: rounds({ match: [...insiders, {}] }),
    right: rounds({ match: insiders }),
    refusal:
      'spec.analysis.match[1]: Invalid value: "object": a match without conditions sends every request to the canary: give headers, queryParams or sourceLabels',
  },
  {
    mistake: "a header of A/B testing has no value",
    wrong: rounds({ match: [{ headers: { "x-tier": {} } }] }),
    right: rounds({ match: [{ headers: { "x-tier": { regex: "in.*" } } }] }),
    refusal:
      'spec.analysis.match[0].headers.x-tier: Invalid value: "object": set exactly one of exact, prefix, suffix and regex',
  },
];

const providerCases: readonly RuleCase[] = [
  {
    mistake: "kubernetes should split by weight",
    wrong: on("kubernetes", steps({})),
    right: on("kubernetes", rounds({})),
    refusal:
      "spec.analysis.iterations: Required value: this provider cannot split traffic by weight: set iterations in place of stepWeight or stepWeights (every provider but kubernetes can)",
  },
  {
    mistake: "traefik should route by headers",
    wrong: on("traefik", rounds({ match: insiders })),
    right: on("istio", rounds({ match: insiders })),
    refusal:
      'spec.analysis.match: Invalid value: "array": this provider cannot route by headers: remove match (appmesh, appmesh:v1beta2, contour, gatewayapi:v1, gatewayapi:v1beta1, gloo, istio, nginx can)',
  },
  {
    mistake: "contour should mirror",
    wrong: on("contour", rounds({ mirror: true })),
    right: on("istio", rounds({ mirror: true })),
    refusal:
      "spec.analysis.mirror: Invalid value: true: this provider cannot mirror traffic: remove mirror (gatewayapi:v1, gatewayapi:v1beta1, istio can)",
  },
  {
    mistake: "contour should mirror before the first weight",
    wrong: on("contour", steps({ mirror: true })),
    right: on("gatewayapi:v1", { ...gateway, ...steps({ mirror: true }) }),
    refusal:
      "spec.analysis.mirror: Invalid value: true: this provider cannot mirror traffic before a weighted release: remove mirror (gatewayapi:v1, gatewayapi:v1beta1, istio can)",
  },
  {
    mistake: "nginx should keep sessions",
    wrong: { ...onNginx, ...steps({ sessionAffinity: { cookieName: "a" } }) },
    right: on("istio", steps({ sessionAffinity: { cookieName: "a" } })),
    refusal:
      'spec.analysis.sessionAffinity: Invalid value: "object": this provider cannot keep sessions: remove sessionAffinity (gatewayapi:v1, gatewayapi:v1beta1, istio can)',
  },
  {
    mistake: "contour should match by a regular expression",
    wrong: on("contour", rounds({ match: [{ headers: { "x-tier": { regex: "in.*" } } }] })),
    right: on("contour", rounds({ match: [{ headers: { "x-tier": { prefix: "in" } } }] })),
    refusal:
      'spec.analysis.match: Invalid value: "array": this provider cannot match headers by regex (appmesh, appmesh:v1beta2, gatewayapi:v1, gatewayapi:v1beta1, gloo, istio, nginx can)',
  },
  {
    mistake: "the Gateway API should match by a prefix",
    wrong: on("gatewayapi:v1", { ...gateway, ...rounds({ match: [{ headers: { "x-tier": { prefix: "in" } } }] }) }),
    right: on("gatewayapi:v1", { ...gateway, ...rounds({ match: [{ headers: { "x-tier": { regex: "in.*" } } }] }) }),
    refusal:
      'spec.analysis.match: Invalid value: "array": this provider cannot match headers by prefix (appmesh, appmesh:v1beta2, contour, istio can)',
  },
  {
    mistake: "gloo should match by the end of a header",
    wrong: on("gloo", rounds({ match: [{ headers: { "x-tier": { suffix: "er" } } }] })),
    right: on("gloo", rounds({ match: insiders })),
    refusal:
      'spec.analysis.match: Invalid value: "array": this provider cannot match headers by suffix (appmesh, appmesh:v1beta2, contour, istio can)',
  },
  {
    mistake: "nginx should match query parameters",
    wrong: { ...onNginx, ...rounds({ match: [{ queryParams: { a: { exact: "b" } } }] }) },
    right: on("istio", rounds({ match: [{ queryParams: { a: { exact: "b" } } }] })),
    refusal:
      'spec.analysis.match: Invalid value: "array": this provider cannot match requests by queryParams (gatewayapi:v1, gatewayapi:v1beta1, istio can)',
  },
  {
    mistake: "the Gateway API should match callers by their labels",
    wrong: on("gatewayapi:v1", { ...gateway, ...rounds({ match: [{ sourceLabels: { app: "web" } }] }) }),
    right: on("istio", rounds({ match: [{ sourceLabels: { app: "web" } }] })),
    refusal:
      'spec.analysis.match: Invalid value: "array": this provider cannot match requests by sourceLabels (istio can)',
  },
  {
    mistake: "App Mesh gets two matches",
    wrong: on("appmesh", rounds({ match: [...insiders, ...insiders] })),
    right: on("appmesh", rounds({ match: [{ headers: { a: { exact: "b" }, c: { exact: "d" } } }] })),
    refusal:
      'spec.analysis.match: Invalid value: "array": this provider knows one match, whose headers must all fit: keep one',
  },
  {
    mistake: "nginx gets two headers",
    wrong: { ...onNginx, ...rounds({ match: [{ headers: { a: { exact: "b" }, c: { exact: "d" } } }] }) },
    right: { ...onNginx, ...rounds({ match: [...insiders, { headers: { cookie: { exact: "always" } } }] }) },
    refusal:
      'spec.analysis.match: Invalid value: "array": this provider knows one header and one cookie: keep one of each',
  },
  {
    mistake: "gatewayapi has no Gateway",
    wrong: on("gatewayapi:v1", steps({})),
    right: on("gatewayapi:v1", { ...gateway, ...steps({}) }),
    refusal:
      "spec.service.gatewayRefs: Required value: provider gatewayapi needs service.gatewayRefs: name the Gateway",
  },
  {
    mistake: "nginx has no Ingress",
    wrong: on("nginx", steps({})),
    right: { ...onNginx, ...steps({}) },
    refusal: "spec.ingressRef: Required value: this provider needs ingressRef: name the Ingress",
  },
  {
    mistake: "apisix has no route",
    wrong: on("apisix", steps({})),
    right: on("apisix", {
      ...steps({}),
      routeRef: { apiVersion: "apisix.apache.org/v2", kind: "ApisixRoute", name: "shop" },
    }),
    refusal: "spec.routeRef: Required value: this provider needs routeRef: name the ApisixRoute",
  },
  {
    mistake: "knative gets a Deployment",
    wrong: on("knative", steps({})),
    right: on("knative", { ...steps({}), targetRef: knative, service: undefined }),
    refusal:
      'spec.targetRef: Invalid value: "object": provider knative needs a targetRef of kind Service and apiVersion serving.knative.dev/v1',
  },
  {
    mistake: "another provider gets a Knative Service",
    wrong: on("istio", { ...steps({}), targetRef: knative }),
    right: on("istio", { ...steps({}), targetRef: { ...knative, apiVersion: "v1" } }),
    refusal: 'spec.targetRef: Invalid value: "object": a Knative Service needs provider knative: set provider',
  },
  {
    mistake: "a Knative Service gets an autoscaler",
    wrong: on("knative", {
      ...steps({}),
      targetRef: knative,
      autoscalerRef: { apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler", name: "shop" },
    }),
    right: on("knative", { ...steps({}), targetRef: knative }),
    refusal: 'spec.autoscalerRef: Invalid value: "object": a Knative Service scales itself: remove autoscalerRef',
  },
  {
    mistake: "a Service gets an autoscaler",
    wrong: on("istio", {
      ...steps({}),
      targetRef: { ...knative, apiVersion: "v1" },
      autoscalerRef: { apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler", name: "shop" },
    }),
    right: on("istio", { ...steps({}), targetRef: { ...knative, apiVersion: "v1" } }),
    refusal: 'spec.autoscalerRef: Invalid value: "object": a Service has no replicas: remove autoscalerRef',
  },
  {
    mistake: "nginx gets a Service",
    wrong: { ...onNginx, ...steps({}), targetRef: { ...knative, apiVersion: "v1" } },
    right: { ...onNginx, ...steps({}) },
    refusal:
      'spec.targetRef: Invalid value: "object": this provider leads requests to the Service itself, whose changes cannot be tried then (every provider but knative, nginx, skipper can)',
  },
  {
    mistake: "a delegate route has hosts",
    wrong: on("istio", { service: { port: 80, delegation: true, hosts: ["a.example"] } }),
    right: on("istio", { service: { port: 80, delegation: true } }),
    refusal:
      "spec.service.delegation: Invalid value: true: a delegate route has no hosts and gateways: remove them, or delegation",
  },
];

export const ruleCases: readonly RuleCase[] = [...steppingCases, ...specCases, ...checkCases, ...providerCases];
