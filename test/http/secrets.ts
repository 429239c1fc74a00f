import { type RawObject, WeirError } from "../../api/index.ts";
import type { SecretApi } from "../../certs/authorityStore.ts";

/** Secrets as the API server keeps them: create fails where there is one, replace onto another version than was read. */
export function secretsInMemory(): SecretApi {
  let stored: RawObject | undefined;
  let version = 0;
  const store = (object: RawObject) => {
    version += 1;
    stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
    return stored;
  };
  return {
    get: async () => stored,
    async create(_resource, object) {
      if (stored !== undefined) throw new WeirError("api.conflict", "conflict", "already exists");
      return store(object);
    },
    async replace(_resource, object) {
      if (stored?.metadata.resourceVersion !== object.metadata.resourceVersion) {
        throw new WeirError("api.conflict", "conflict", "the object has been modified");
      }
      return store(object);
    },
  };
}
