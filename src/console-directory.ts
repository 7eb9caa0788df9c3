/** Where tools/build-console.ts puts the web console. In a bundle, tools/bundle.ts names the folder beside the bundle. */
export const consoleDirectory = new URL("../console/dist/", import.meta.url);
