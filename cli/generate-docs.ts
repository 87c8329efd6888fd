// npm run docs: writes the generated part of docs/configuration.md. A test fails where it is out of date.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../config/package-root.ts";
import { configurationPage, renderConfigurationPage } from "./docs/configuration-page.ts";

const path = join(packageRoot, configurationPage);
writeFileSync(path, renderConfigurationPage(readFileSync(path, "utf8")));
