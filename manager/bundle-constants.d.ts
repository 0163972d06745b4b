/** Values that `bundle.ts` writes into the bundle. */

declare const MANAGER_VERSION: string;
declare const MANAGER_BUILD: number;

/** The built web pages. */
declare const WEB_FILES: import("./web/build.ts").WebFile[];

/** The bundled instances/connection-test/program.ts, for a thread of its own. */
declare const CONNECTION_TEST_PROGRAM: string;
