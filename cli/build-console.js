// Bundles the console into dist/console. It is plain JavaScript, because it runs before the compiler's output exists.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

/** The largest first load, in kilobytes (1,000 bytes) after compression with gzip. */
const limits = { scripts: 150, styles: 25 };

/**
 * Bundles the console for the address /console/. Throws if its first load exceeds the limits.
 * @param {string} root the folder of the package
 * @returns {Promise<string>} the size of the first load, in words
 */
export async function bundleConsole(root) {
  const { build } = await import("vite");
  const outDir = join(root, "dist/console");
  await build({
    root: join(root, "console"),
    base: "/console/",
    configFile: false,
    logLevel: "warn",
    // The tests of the console are beside its sources, and nothing in its folder is served as it is.
    publicDir: false,
    define: { "import.meta.env.TIDINGS_VERSION": JSON.stringify(readVersion(root)) },
    build: {
      outDir,
      emptyOutDir: true,
      manifest: true,
      target: "baseline-widely-available",
      // The Content-Security-Policy allows no data: in scripts and fonts.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      // In kilobytes: the code editor is large, and only the screens that edit templates load it.
      chunkSizeWarningLimit: 600,
      rolldownOptions: {
        checks: { pluginTimings: false },
        onwarn(warning, warn) {
          // Libraries mark what must not run on a server, which nothing here does.
          if (warning.code !== "MODULE_LEVEL_DIRECTIVE") warn(warning);
        },
      },
    },
  });
  const size = measureFirstLoad(outDir);
  // For the benchmark.
  writeFileSync(join(outDir, ".vite/first-load.json"), JSON.stringify(size));
  for (const kind of /** @type {const} */ (["scripts", "styles"]))
    if (size[kind] > limits[kind])
      throw new Error(
        `the console's first load has ${size[kind]} KB of ${kind} after gzip, and at most ${limits[kind]} KB are allowed`,
      );
  return `${size.scripts} KB of scripts and ${size.styles} KB of styles, after gzip`;
}

/** The version of the package, which the console shows. */
const readVersion = (/** @type {string} */ root) =>
  /** @type {{ version: string }} */ (JSON.parse(readFileSync(join(root, "package.json"), "utf8")))
    .version;

export const isConsoleBuilt = (/** @type {string} */ root) =>
  existsSync(join(root, "dist/console/index.html"));

/**
 * Measures what a browser loads before it shows a screen: the entry, and all that it imports statically.
 * @param {string} outDir
 */
function measureFirstLoad(outDir) {
  /** @type {Record<string, { file: string; isEntry?: boolean; imports?: string[]; css?: string[] }>} */
  const manifest = JSON.parse(readFileSync(join(outDir, ".vite/manifest.json"), "utf8"));
  const scripts = new Set(Object.keys(manifest).filter((name) => manifest[name]?.isEntry));
  for (const name of scripts) for (const each of manifest[name]?.imports ?? []) scripts.add(each);
  const styles = new Set([...scripts].flatMap((name) => manifest[name]?.css ?? []));
  /** @param {Iterable<string>} files */
  const sizeOf = (files) =>
    Math.ceil(
      [...files].reduce((sum, file) => sum + gzipSync(readFileSync(join(outDir, file))).length, 0) /
        1_000,
    );
  return {
    scripts: sizeOf([...scripts].flatMap((name) => manifest[name]?.file ?? [])),
    styles: sizeOf(styles),
  };
}
