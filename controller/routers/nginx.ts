import { apexName, type Canary, canaryName, type RawObject, type Traffic, textsOf } from "../../api/index.ts";
import { comparing } from "./comparing.ts";
import { canaryIngressRefOf, ingressProblems, ingressRefOf, pathTo, serviceOf, withPaths } from "./ingress.ts";
import { copiedMetadata } from "./metadata.ts";
import type { Objects, Router, RouteState } from "./router.ts";
import { type Condition, matchProblems, sentenceOf, testedClients } from "./testedClients.ts";

const prefix = "nginx.ingress.kubernetes.io";
const keys = {
  canary: `${prefix}/canary`,
  weight: `${prefix}/canary-weight`,
  header: `${prefix}/canary-by-header`,
  headerValue: `${prefix}/canary-by-header-value`,
  headerPattern: `${prefix}/canary-by-header-pattern`,
  cookie: `${prefix}/canary-by-cookie`,
} as const;

const discernment = { name: "nginx", headers: ["exact", "regex"], queryParams: [] } as const;

/**
 * A second Ingress for the same hosts and paths, marked as a canary. The user's own is never written: it leads to the apex Service,
 * which selects the primary. The mark stays at weight 0, or two Ingresses would claim the same hosts.
 */
export const nginxRouter: Router = comparing({
  provider: "nginx",
  obstacle: (canary, objects) =>
    sentenceOf([...ingressProblems(canary, apexName(canary), objects), ...testProblems(canary)]),
  watches: (canary) => [canaryIngressRefOf(canary)],
  sources: (canary) => [ingressRefOf(canary)],
  read: (canary, objects) => readAnnotations(objects(canaryIngressRefOf(canary))),
  render,
  release: (canary, objects) => {
    const there = objects(canaryIngressRefOf(canary)) !== undefined && objects(ingressRefOf(canary)) !== undefined;
    return there ? render(canary, { primary: 100, canary: 0, mirror: false }, objects) : [];
  },
});

function render(canary: Canary, traffic: Traffic, objects: Objects): readonly RawObject[] {
  const source = objects(ingressRefOf(canary));
  if (source === undefined) {
    return [];
  }
  const ref = canaryIngressRefOf(canary);
  const metadata = copiedMetadata(canary, ref.name, {
    of: source,
    live: objects(ref),
    dropped: (annotation) => annotation.includes(`${prefix}/canary`),
  });
  const apex = apexName(canary);
  return [
    {
      apiVersion: "networking.k8s.io/v1",
      kind: ref.resource.kind,
      metadata: { ...metadata, annotations: { ...metadata.annotations, ...annotationsFor(canary, traffic) } },
      spec: withPaths(source, (paths) =>
        paths.map((path) => (serviceOf(path) === apex ? pathTo(canaryName(canary), path) : path)),
      ),
    },
  ];
}

/** A/B testing has no weights between none and all: on the way back after a promotion, where both run the same revision, plain ones do. */
function annotationsFor(canary: Canary, traffic: Traffic): Readonly<Record<string, string>> {
  const { header, cookie } = conditionsOf(canary);
  const tested = traffic.canary === 100 && (header !== undefined || cookie !== undefined);
  return {
    [keys.canary]: "true",
    [keys.weight]: tested ? "0" : String(traffic.canary),
    ...(tested && header !== undefined ? headerAnnotations(header) : {}),
    ...(tested && cookie !== undefined ? { [keys.cookie]: cookie[1].exact ?? "" } : {}),
  };
}

function headerAnnotations([name, match]: Condition): Readonly<Record<string, string>> {
  return {
    [keys.header]: name,
    ...(match.exact === undefined ? { [keys.headerPattern]: match.regex ?? "" } : { [keys.headerValue]: match.exact }),
  };
}

function conditionsOf(canary: Canary): {
  readonly header: Condition | undefined;
  readonly cookie: Condition | undefined;
} {
  const conditions = testedClients(canary).flatMap(({ headers }) => headers);
  return {
    header: conditions.find((condition) => !isCookie(condition)),
    cookie: conditions.find(isCookie),
  };
}

/** A header called cookie stands for a cookie; its value is the cookie's name, and who carries it as "always" is tested. */
function isCookie([name]: Condition): boolean {
  return name.toLowerCase() === "cookie";
}

/** nginx takes one header and one cookie, and tests who has either. More, or both at once, would widen the test. */
function testProblems(canary: Canary): readonly string[] {
  const entries = testedClients(canary).map(({ headers }) => headers);
  const all = entries.flat();
  const cookies = all.filter(isCookie);
  return [
    ...matchProblems(canary, discernment),
    ...(entries.some((headers) => headers.length > 1)
      ? ["analysis.match can ask for one header or one cookie per entry with nginx"]
      : []),
    ...(cookies.length > 1 || all.length - cookies.length > 1
      ? ["analysis.match can name one header and one cookie with nginx"]
      : []),
    ...cookies.flatMap(([, { exact }]) =>
      exact === undefined ? ["analysis.match of a cookie must be exact with nginx: the name of the cookie"] : [],
    ),
  ];
}

function readAnnotations(live: RawObject | undefined): RouteState {
  const annotations = textsOf(live?.metadata.annotations);
  if (annotations[keys.header] !== undefined || annotations[keys.cookie] !== undefined) {
    return { primary: 0, canary: 100, mirror: false };
  }
  const weight = annotations[keys.weight] ?? "";
  const share = Number(weight);
  return /^\d+$/.test(weight) && share <= 100 ? { primary: 100 - share, canary: share, mirror: false } : undefined;
}
