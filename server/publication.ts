import { configurationName } from "../api/index.ts";
import { type PublishApi, publishBundle, publishUrl, readPublished } from "../certs/publish.ts";
import type { Publisher } from "../certs/serving.ts";
import type { Options } from "./options.ts";

/** Tells the API server whom to trust: in configurations that are installed, or, for a server outside the cluster, in ones of our own. */
export function createPublisher(api: PublishApi, options: Options): Publisher {
  const { publishUrl: url } = options;
  if (url === undefined) {
    return { read: () => readPublished(api), publish: (bundle) => publishBundle(api, bundle) };
  }
  let applied = false;
  return {
    // Until this process has applied them once, their URL may be that of another.
    read: async () => (applied ? readPublished(api) : [`not yet in ${configurationName}`]),
    async publish(bundle) {
      await publishUrl(api, bundle, {
        endpoint: { url },
        sparedNamespaces: ["kube-system", "kube-node-lease", options.namespace],
        controllerUsers: options.controllerUsers,
      });
      applied = true;
    },
  };
}
