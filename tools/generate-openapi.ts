// Generates openapi.json from the contract in a directory: node tools/generate-openapi.ts [DIRECTORY]
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createKeyValueOpenApi } from "./openapi/key-value/document.ts";

const [directory = "gen"] = process.argv.slice(2);
writeFileSync(join(directory, "openapi.json"), `${JSON.stringify(createKeyValueOpenApi(), undefined, 2)}\n`);
