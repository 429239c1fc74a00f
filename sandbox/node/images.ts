/** Image references: what a name means, whether it could be pulled, and what the runtime says when it can't. Pure. */

export interface ImageName {
  readonly registry: string;
  readonly repository: string;
  readonly tag: string;
  readonly digest: string | undefined;
  /** As the runtime writes it: `docker.io/library/nginx:1.25`. */
  readonly full: string;
}

export type Pull =
  | { readonly kind: "pulled"; readonly image: ImageName }
  | { readonly kind: "failed"; readonly reason: "ErrImagePull" | "InvalidImageName"; readonly message: string };

/** Registries that can be "reached". Names with a port or `localhost` are local registries and always can. */
const REGISTRIES: ReadonlySet<string> = new Set([
  "docker.io",
  "ghcr.io",
  "quay.io",
  "gcr.io",
  "registry.k8s.io",
  "k8s.gcr.io",
  "mcr.microsoft.com",
  "public.ecr.aws",
  "registry.gitlab.com",
  "cgr.dev",
]);

const REFERENCE =
  /^(?<name>[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\.[a-z0-9-]+)*(?::\d+)?(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*)(?::(?<tag>\w[\w.-]{0,127}))?(?:@(?<digest>[a-z0-9]+:[0-9a-f]{32,}))?$/i;

/** Parses `[registry/]repository[:tag][@digest]`; undefined when it is no image name. */
export function parseImage(reference: string): ImageName | undefined {
  const groups = REFERENCE.exec(reference)?.groups;
  const name = groups?.["name"];
  if (name === undefined || name !== name.toLowerCase()) return undefined;
  const slash = name.indexOf("/");
  const first = slash === -1 ? "" : name.slice(0, slash);
  const hasRegistry = first.includes(".") || first.includes(":") || first === "localhost";
  const registry = hasRegistry ? first : "docker.io";
  const path = hasRegistry ? name.slice(slash + 1) : name;
  const repository = registry === "docker.io" && !path.includes("/") ? `library/${path}` : path;
  const digest = groups?.["digest"];
  const tag = groups?.["tag"] ?? (digest === undefined ? "latest" : "");
  const full = `${registry}/${repository}${tag === "" ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
  return { registry, repository, tag, digest, full };
}

/** Whether an image can be had. Names with `not-found`, `does-not-exist` or an unknown registry can't. */
export function pullImage(reference: string): Pull {
  const image = parseImage(reference);
  if (image === undefined) {
    const message = `Failed to apply default image tag "${reference}": couldn't parse image name "${reference}": invalid reference format`;
    return { kind: "failed", reason: "InvalidImageName", message };
  }
  const { full, registry } = image;
  const failed = (code: string, why: string): Pull => ({
    kind: "failed",
    reason: "ErrImagePull",
    message: `rpc error: code = ${code} desc = failed to pull and unpack image "${full}": failed to resolve reference "${full}": ${why}`,
  });
  if (/not-?found|does-?not-?exist/.test(full)) return failed("NotFound", `${full}: not found`);
  if (!REGISTRIES.has(registry) && !registry.includes(":") && registry !== "localhost" && !isCloudRegistry(registry)) {
    const url = `https://${registry}/v2/${image.repository}/manifests/${image.tag}`;
    return failed("Unknown", `failed to do request: Head "${url}": dial tcp: lookup ${registry}: no such host`);
  }
  return { kind: "pulled", image };
}

function isCloudRegistry(registry: string): boolean {
  return /\.(amazonaws\.com|azurecr\.io|pkg\.dev|gcr\.io|github\.io|docker\.com)$/.test(registry);
}
