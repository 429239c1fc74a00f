import {
  type AlertProviderSpec,
  alertProviderResource,
  analysisOf,
  type Canary,
  type CanaryAlert,
  eventText,
  hookType,
  isHeard,
  keyOf,
  namespaceOf,
} from "../api/index.ts";
import { callHook } from "./hooks/callHook.ts";
import type { Outside } from "./hooks/exchange.ts";
import { eventPayload, type ToldEvent } from "./hooks/payload.ts";
import type { Api } from "./kube/api.ts";
import { type Alert, noticeOf } from "./notifiers/notice.ts";
import type { Mailbox } from "./notifiers/notifier.ts";
import { notifiers } from "./notifiers/registry.ts";
import { send } from "./notifiers/send.ts";
import type { Outbox } from "./outbox.ts";
import { readSecret } from "./secrets.ts";
import type { Settings } from "./settings.ts";

/** Tells people and programs outside the cluster. Returns at once; what can't be told is told on the Canary, once. */
export interface Tellers {
  alert(canary: Canary, alert: Alert): void;
  event(canary: Canary, phase: string, event: ToldEvent): void;
}

export interface TellersOptions extends Outside {
  readonly api: Api;
  readonly outbox: Outbox;
  readonly settings: Pick<Settings, "clusterName" | "globalAlerts" | "eventWebhook" | "crossNamespaceRefs">;
  /** Somebody could not be told. */
  readonly complain: (canary: Canary, text: string) => void;
}

export function createTellers(options: TellersOptions): Tellers {
  const { outbox, settings } = options;
  const lane = (canary: Canary, to: string): string => JSON.stringify([keyOf(canary.metadata), to]);
  return {
    alert(canary, alert) {
      for (const { name, to, mailbox } of recipients(canary, alert, options)) {
        const failed = (problem: string): void => options.complain(canary, eventText.alertFailed(name, to, problem));
        const deliver = (signal: AbortSignal) => sendAlert(canary, alert, mailbox, options, signal);
        outbox.post(lane(canary, `alert ${name} ${to}`), deliver, failed);
      }
    },
    event(canary, phase, event) {
      for (const [place, hook] of eventHooks(canary, settings.eventWebhook).entries()) {
        const failed = (problem: string): void =>
          options.complain(canary, eventText.eventHookFailed(hook.name, problem));
        const deliver = async (signal: AbortSignal) => {
          const { ok, message } = await callHook(
            hook,
            eventPayload(canary, phase, event, hook.metadata),
            options,
            signal,
          );
          return ok ? undefined : message;
        };
        outbox.post(lane(canary, `event ${place} ${hook.name}`), deliver, failed);
      }
    },
  };
}

/** A canary's own hooks, in place of the one for all. */
function eventHooks(canary: Canary, everybodys: string) {
  const own = (analysisOf(canary).webhooks ?? []).filter((hook) => hookType(hook) === "event");
  return own.length > 0 || everybodys === "" ? own : [{ name: "event-webhook", url: everybodys }];
}

interface Recipient {
  /** The alert's name in the Canary. */
  readonly name: string;
  readonly to: string;
  readonly mailbox: (signal: AbortSignal) => Promise<Mailbox>;
}

/**
 * A canary's own alerts that want to hear of it, in place of the one for all. A provider elsewhere is not asked for where that is
 * switched off: why stands on the Canary, which is stalled for it.
 */
function recipients(canary: Canary, { severity }: Alert, options: TellersOptions): readonly Recipient[] {
  const own = analysisOf(canary).alerts ?? [];
  const { globalAlerts, crossNamespaceRefs } = options.settings;
  const mayTell = ({ providerRef }: CanaryAlert) =>
    crossNamespaceRefs || namespaceOf(canary, providerRef) === namespaceOf(canary, undefined);
  if (own.length === 0)
    return globalAlerts === undefined
      ? []
      : [{ name: "for all", to: globalAlerts.type, mailbox: async () => globalAlerts }];
  return own
    .filter((alert) => isHeard(alert, severity) && mayTell(alert))
    .map((alert) => ({
      name: alert.name,
      to: `${alert.providerRef.name}.${namespaceOf(canary, alert.providerRef)}`,
      mailbox: (signal) => mailboxOf(canary, alert, options.api, signal),
    }));
}

async function sendAlert(
  canary: Canary,
  alert: Alert,
  find: Recipient["mailbox"],
  options: TellersOptions,
  signal: AbortSignal,
): Promise<string | undefined> {
  const mailbox = await find(signal);
  const notifier = notifiers.get(mailbox.type);
  if (notifier === undefined) return `type ${mailbox.type} is not known`;
  if (mailbox.address === "") return "it has no address";
  const notice = noticeOf(canary, alert, options.settings.clusterName);
  return send(notifier(notice, mailbox), mailbox, options, signal);
}

/** Provider and Secret are read when they are needed, by name: alerts are rare, and nothing of them stays in memory. */
async function mailboxOf(canary: Canary, alert: CanaryAlert, api: Api, signal: AbortSignal): Promise<Mailbox> {
  const { name } = alert.providerRef;
  const namespace = namespaceOf(canary, alert.providerRef);
  const provider = await api.get({ resource: alertProviderResource, namespace, name }, { signal });
  if (provider === undefined) throw new Error(`alertproviders "${name}" not found`);
  const spec = provider["spec"] as AlertProviderSpec;
  const secret = spec.secretRef === undefined ? {} : await readSecret(api, namespace, spec.secretRef.name, signal);
  const token = secret["token"]?.trim();
  const proxy = secret["proxy"]?.trim() || spec.proxy;
  return {
    type: spec.type,
    address: secret["address"]?.trim() || spec.address || "",
    channel: spec.channel || "general",
    username: spec.username || "flagger",
    ...(token ? { token } : {}),
    ...(proxy ? { proxy } : {}),
  };
}
