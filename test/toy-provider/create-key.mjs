// Makes a master key's file: node create-key.mjs FOLDER NAME

import { createMasterKey } from "./keyring.mjs";

const [folder, name] = process.argv.slice(2);
await createMasterKey(folder, name);
