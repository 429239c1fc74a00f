/** `Impersonate-*` headers: who somebody wants to be, and whether they may. */
import { groupsOf, withAuthenticated } from "../auth.ts";
import { badRequest } from "../status.ts";
import type { UserInfo } from "../types.ts";
import { type Authorizer, forbiddenTo } from "./authorizer.ts";
import type { Question, ResourceQuestion } from "./rules.ts";

/** `request.headersDistinct`: a group's name may have a comma in it. */
type Headers = Readonly<Record<string, string[] | undefined>>;

interface Wanted {
  readonly username: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, string[]>>;
}

/** Who the request is by: the user, or the one it impersonates. Throws 400 and 403. */
export function actingUser(headers: Headers, user: UserInfo, authorizer: Authorizer, question: Question): UserInfo {
  const wanted = wantedUser(headers);
  if (wanted === undefined) return user;
  checkAllowed(authorizer, user, wanted, question);
  const { username, uid, extra } = wanted;
  const groups = wanted.groups.length === 0 ? groupsOf(username) : wanted.groups;
  return {
    username,
    ...(uid === "" ? {} : { uid }),
    groups: username === "system:anonymous" ? [...groups] : withAuthenticated(groups),
    ...(Object.keys(extra).length === 0 ? {} : { extra: { ...extra } }),
  };
}

const extraPrefix = "impersonate-extra-";

function wantedUser(headers: Headers): Wanted | undefined {
  const username = headers["impersonate-user"]?.[0] ?? "";
  const uid = headers["impersonate-uid"]?.[0] ?? "";
  const groups = headers["impersonate-group"] ?? [];
  const extra = Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => name.startsWith(extraPrefix))
      .map(([name, value]) => [decodedKey(name.slice(extraPrefix.length)), value ?? []]),
  );
  if (username !== "") return { username, uid, groups, extra };
  if (uid === "" && groups.length === 0 && Object.keys(extra).length === 0) return undefined;
  throw badRequest(`requested ${goUser(uid, groups, extra)} without impersonating a user name`);
}

function decodedKey(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

function goUser(uid: string, groups: readonly string[], extra: Readonly<Record<string, readonly string[]>>): string {
  const list = (values: readonly string[]) => `{${values.map((each) => JSON.stringify(each)).join(", ")}}`;
  const entries = Object.entries(extra).map(([key, values]) => `${JSON.stringify(key)}:[]string${list(values)}`);
  const goGroups = groups.length === 0 ? "[]string(nil)" : `[]string${list(groups)}`;
  const goExtra = entries.length === 0 ? "map[string][]string(nil)" : `map[string][]string{${entries.join(", ")}}`;
  return `&user.DefaultInfo{Name:"", UID:${JSON.stringify(uid)}, Groups:${goGroups}, Extra:${goExtra}}`;
}

/**
 * Two ways lead to it: the verb `impersonate` on everything that is taken on, for any request; or, for this kind of request
 * only, the verb `impersonate-on:MODE:VERB` on what is requested and `impersonate:MODE` on what is taken on (KEP-5284).
 */
function checkAllowed(authorizer: Authorizer, user: UserInfo, wanted: Wanted, question: Question): void {
  const identities = identitiesOf(wanted);
  const allowed = (each: Question): boolean => authorizer.decide(user, each).allowed;
  if (identities.every((each) => allowed({ ...each, verb: "impersonate" }))) return;
  const mode = modeOf(wanted.username);
  const narrow = { ...question, verb: `impersonate-on:${mode}:${question.verb}` };
  if (!allowed(narrow)) throw forbiddenTo(user, narrow);
  for (const each of identities) {
    const identity = { ...each, group: "authentication.k8s.io", verb: `impersonate:${mode}` };
    if (!allowed(identity)) throw forbiddenTo(user, identity);
  }
}

function modeOf(username: string): string {
  if (groupsOf(username).length > 0) return "serviceaccount";
  return username.startsWith("system:node:") ? "arbitrary-node" : "user-info";
}

/** What is taken on, as resources. */
function identitiesOf({ username, uid, groups, extra }: Wanted): ResourceQuestion[] {
  const about = { verb: "", group: "", subresource: "", namespace: "", name: "" };
  const [, namespace, account] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(username) ?? [];
  const own: ResourceQuestion =
    namespace === undefined
      ? { ...about, resource: "users", name: username }
      : { ...about, resource: "serviceaccounts", namespace, name: account ?? "" };
  const further = { ...about, group: "authentication.k8s.io" };
  return [
    own,
    ...groups.map((name) => ({ ...about, resource: "groups", name })),
    ...(uid === "" ? [] : [{ ...further, resource: "uids", name: uid }]),
    ...Object.entries(extra).flatMap(([key, values]) =>
      values.map((name) => ({ ...further, resource: "userextras", subresource: key, name })),
    ),
  ];
}
