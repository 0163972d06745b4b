/** Constants that `bundle.ts` defines in the bundle. */

declare const MANAGER_VERSION: string;
declare const MANAGER_BUILD: number;

/** The names of targets in a store, by Node's names of their architectures. */
declare const TARGET_NAMES: Readonly<Partial<Record<string, string>>>;

/** The built web pages. */
declare const WEB_FILES: import("./web/build.ts").WebFile[];

/** The bundled app-hosting/instances/connection-test/program.ts, which runs in a worker thread. */
declare const CONNECTION_TEST_PROGRAM: string;
