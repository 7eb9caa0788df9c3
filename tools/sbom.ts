import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Metafile } from "esbuild";
import packageJson from "../package.json" with { type: "json" };

/** A part of the product, in the words of CycloneDX. */
export interface Component {
  readonly type: "application" | "library";
  readonly "bom-ref": string;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly cpe?: string;
  readonly licenses?: readonly [{ readonly expression: string }];
  readonly hashes?: readonly [{ readonly alg: string; readonly content: string }];
}

/** What a component needs, by the references of other components. */
interface Dependency {
  readonly ref: string;
  readonly dependsOn: readonly string[];
}

/** A software bill of materials (SBOM), CycloneDX 1.6. */
export interface Sbom {
  readonly bomFormat: "CycloneDX";
  readonly specVersion: "1.6";
  readonly version: 1;
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
  /** Of every component; first that of the product. */
  readonly dependencies: readonly [Dependency, ...Dependency[]];
}

interface LockedPackage {
  readonly version: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/**
 * Lists the packages whose code is in bundles of esbuild, by the files that each bundle was made of. A package that only
 * tests or tools use is not among them.
 */
export function createSbom(bundles: readonly Metafile[]): Sbom {
  const lock = readFileSync(join(import.meta.dirname, "../package-lock.json"), "utf8");
  const { packages } = JSON.parse(lock) as { packages: Readonly<Record<string, LockedPackage>> };
  const paths = bundles
    .flatMap(({ outputs }) => Object.values(outputs))
    .flatMap(({ inputs }) => Object.keys(inputs))
    .flatMap((input) => /node_modules\/(?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+/.exec(input) ?? []);
  const { name, version, license } = packageJson;
  const product: Component = { ...component(name, { version, license }), type: "application" };
  const components = new Map(
    [...new Set(paths)].toSorted().map((path) => {
      const locked = packages[path];
      if (locked === undefined) throw new Error(`not in package-lock.json: ${path}`);
      return [path, component(path.replace(/^.*node_modules\//, ""), locked)];
    }),
  );
  /** What the package at `path` needs of what is shipped; the product is at "". */
  function needs(path: string): string[] {
    const { dependencies, optionalDependencies, peerDependencies } = packages[path] as LockedPackage;
    const names = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies });
    return names.flatMap((required) => {
      const found = placesOf(required, path).find((place) => components.has(place));
      return components.get(found ?? "")?.["bom-ref"] ?? [];
    });
  }
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: { component: product },
    components: [...components.values()],
    dependencies: [
      { ref: product["bom-ref"], dependsOn: needs("") },
      ...Array.from(components, ([path, { "bom-ref": ref }]) => ({ ref, dependsOn: needs(path) })),
    ],
  };
}

/** Where Node looks for a package that the one at `path` requires, the nearest first. */
function placesOf(required: string, path: string): string[] {
  const folders = path === "" ? [""] : `/${path}`.split("/node_modules/");
  return folders.map((_, at) =>
    [...folders.slice(0, folders.length - at), required].join("/node_modules/").slice(1),
  );
}

function component(name: string, { version, license, integrity }: LockedPackage): Component {
  const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
  return {
    type: "library",
    "bom-ref": purl,
    name,
    version,
    purl,
    ...(license !== undefined && { licenses: [{ expression: license }] }),
    ...(integrity?.startsWith("sha512-") && {
      hashes: [{ alg: "SHA-512", content: Buffer.from(integrity.slice(7), "base64").toString("hex") }],
    }),
  };
}
