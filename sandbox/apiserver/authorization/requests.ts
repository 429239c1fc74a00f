/** What a request asks to be allowed, told from its address alone: before anybody looks whether there is such a resource. */
import type { ResourcePath, ResourceRequest } from "../request.ts";
import type { Question, ResourceQuestion } from "./rules.ts";

const verbs: Record<string, string> = {
  GET: "get",
  HEAD: "get",
  POST: "create",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
};

/** Undefined path: not below /api or /apis. */
export function questionOf(
  path: ResourcePath | undefined,
  pathname: string,
  method: string,
  query: URLSearchParams,
): Question {
  if (path === undefined) return { verb: method.toLowerCase(), path: pathname };
  const { group, plural, name, subresource = "" } = path;
  const verb = verbs[method] ?? "";
  // A Namespace is in itself, as far as permissions go: whoever administers it may read it.
  const namespace = group === "" && plural === "namespaces" ? name : path.namespace;
  const question = { group, resource: plural, subresource, namespace };
  if (name !== "") return { ...question, verb, name };
  if (verb === "get") {
    const watching = ["true", "1"].includes(query.get("watch") ?? "");
    return { ...question, verb: watching ? "watch" : "list", name: selectedName(query) };
  }
  return { ...question, verb: verb === "delete" ? "deletecollection" : verb, name: "" };
}

/** A list of one object by field selector counts as a request for that name: so can a role allow to watch one Secret. */
function selectedName(query: URLSearchParams): string {
  for (const term of (query.get("fieldSelector") ?? "").split(",")) {
    const match = /^metadata\.name==?([^=].*)$/.exec(term);
    if (match?.[1] !== undefined) return match[1];
  }
  return "";
}

/** The same for a request that was already looked up. */
export function questionAbout(request: ResourceRequest): ResourceQuestion {
  const { verb, resource, name, subresource = "" } = request;
  const namespace = resource.group === "" && resource.plural === "namespaces" ? name : request.namespace;
  return { verb, group: resource.group, resource: resource.plural, subresource, namespace, name };
}
