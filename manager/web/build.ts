import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { type BuildOptions, build } from "esbuild";

/** A file of the web pages as it is served. */
export interface WebFile {
	/** Below /manager/; the page itself has the empty name. */
	name: string;
	type: string;
	content: string;
}

const sources = import.meta.dirname;
/** Names script and styles; the only file of the pages that is not imported. */
export const pageFile = join(sources, "index.html");
const types: Record<string, string> = {
	".js": "text/javascript; charset=utf-8",
	".css": "text/css; charset=utf-8",
	".html": "text/html; charset=utf-8",
};

export const webBuild: BuildOptions = {
	entryPoints: [join(sources, "main.tsx"), join(sources, "style.css")],
	outdir: sources,
	absWorkingDir: join(sources, "../.."),
	bundle: true,
	minify: true,
	write: false,
	format: "esm",
	target: ["chrome123", "firefox120", "safari17.5"],
	jsx: "automatic",
	jsxImportSource: "preact",
	legalComments: "none",
};

/** Builds script, styles and the page that names them. The same sources give the same bytes. */
export async function buildWeb(): Promise<WebFile[]> {
	const { outputFiles = [] } = await build(webBuild);
	const assets = outputFiles.map(({ path, text }) => {
		const extension = extname(path);
		const hash = createHash("sha256").update(text).digest("hex").slice(0, 16);
		return { extension, name: `assets/${hash}${extension}`, content: text };
	});
	let page = await readFile(pageFile, "utf8");
	for (const { extension, name } of assets)
		page = page.replace(`{${extension.slice(1)}}`, name);
	return [{ name: "", extension: ".html", content: page }, ...assets].map(
		({ extension, ...file }) => ({
			...file,
			type: types[extension] ?? "application/octet-stream",
		}),
	);
}
