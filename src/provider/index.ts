// The provider interface: what the broker asks of a provider, and what a provider is made with.

export { bindingOf } from "./binding.ts";
export type { Binding, BindingFacts } from "./binding.ts";
export type {
  Finding,
  MasterKey,
  MasterKeyVersion,
  Notice,
  Notify,
  Protection,
  Provider,
  ProviderKind,
  Unwrapped,
  VersionState,
  Wrapped,
} from "./provider.ts";
export { firstPartyKinds, loadKind } from "./registry.ts";
export type { KindReference } from "./registry.ts";
export { secretStamp } from "./secret-source.ts";
export type { SecretSource } from "./secret-source.ts";
export { file, secret, text } from "./settings.ts";
export type { PlainFile } from "./settings.ts";
export { provideVariable, takeVariable } from "./variables.ts";
