// Lint: typed rules that find floating and misused promises, small files and functions, and the layers of docs/design.md.

import js from "@eslint/js";
import boundaries from "eslint-plugin-boundaries";
import tseslint from "typescript-eslint";
import { clientPackages, elements, policies } from "./eslint.layers.mjs";

const typed = {
  languageOptions: { parserOptions: { projectService: true } },
  rules: {
    "@typescript-eslint/consistent-type-imports": "error",
    "@typescript-eslint/no-non-null-assertion": "off",
    "@typescript-eslint/switch-exhaustiveness-check": "error",
    eqeqeq: "error",
    "max-depth": ["error", 3],
    "max-lines": ["error", { max: 260, skipBlankLines: true, skipComments: true }],
    "max-lines-per-function": ["error", { max: 60, skipBlankLines: true, skipComments: true }],
  },
};

const layers = {
  files: ["src/**/*.ts", "providers/**/*.ts"],
  plugins: { boundaries },
  settings: { "boundaries/elements": elements, "boundaries/legacy-templates": false },
  rules: {
    "boundaries/dependencies": ["error", { default: "disallow", policies }],
    "boundaries/no-unknown-files": "error",
  },
};

const client = {
  files: ["src/client/**/*.ts"],
  rules: {
    "no-restricted-imports": [
      "error",
      { patterns: [{ regex: clientPackages, message: "The client library depends on grpc-js and protobuf alone." }] },
    ],
  },
};

export default tseslint.config(
  { ignores: ["dist/", "src/proto/", "node_modules/", "**/.cache/", ".keybroker/", "coverage/"] },
  js.configs.recommended,
  ...tseslint.configs.recommendedTypeChecked,
  typed,
  { files: ["**/*.mjs"], extends: [tseslint.configs.disableTypeChecked] },
  // The toy provider is plain JavaScript; the compiler checks it in its test.
  { files: ["test/toy-provider/**"], rules: { "no-undef": "off" } },
  { files: ["test/**"], rules: { "max-lines": "off", "max-lines-per-function": "off" } },
  layers,
  client,
);
