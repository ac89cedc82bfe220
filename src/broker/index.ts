// The broker: the portable core, and the only caller of providers. Its contract is in broker.ts.

export type { Broker, KeyStatus, ProviderStatus, Scope } from "./broker.ts";
export { createBroker } from "./create-broker.ts";
export type { BrokerObserver } from "./observer.ts";
