// Writes the golden vectors anew: node test/vectors/generate.ts. Vectors that are not drafts any more never change.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { goldenFiles, goldenFolder } from "./vectors.ts";

rmSync(goldenFolder, { recursive: true, force: true });
for (const sort of ["valid", "invalid"]) mkdirSync(`${goldenFolder}${sort}`, { recursive: true });
const files = goldenFiles();
for (const [path, text] of files) writeFileSync(goldenFolder + path, text);
console.log(`${files.size} vectors in ${goldenFolder}`);
