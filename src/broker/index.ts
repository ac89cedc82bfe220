// The broker: the portable core, and the only caller of providers.

export type { Broker, CheckAnswer, KeyStatus, ProviderStatus, RecipientAnswer, Scope, Unsealed } from "./broker.ts";
export { createBroker } from "./create-broker.ts";
export type { BrokerOptions } from "./create-broker.ts";
export type { BrokerObserver, ProviderOperation } from "./observer.ts";
