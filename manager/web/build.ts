import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { build } from "esbuild";

/** A file of the web pages as it is served. */
export interface WebFile {
	/** Below /manager/; the page itself has the empty name. */
	name: string;
	type: string;
	content: string;
}

const sources = import.meta.dirname;
const types: Record<string, string> = {
	".js": "text/javascript; charset=utf-8",
	".css": "text/css; charset=utf-8",
	".html": "text/html; charset=utf-8",
};

/** Builds script, styles and the page that names them. The same sources give the same bytes. */
export async function buildWeb(): Promise<WebFile[]> {
	const result = await build({
		entryPoints: [join(sources, "main.tsx"), join(sources, "style.css")],
		outdir: sources,
		absWorkingDir: sources,
		bundle: true,
		minify: true,
		write: false,
		format: "esm",
		target: ["chrome123", "firefox120", "safari17.5"],
		jsx: "automatic",
		jsxImportSource: "preact",
		legalComments: "none",
	});
	const assets = result.outputFiles.map(({ path, text }) => {
		const extension = extname(path);
		const hash = createHash("sha256").update(text).digest("hex").slice(0, 16);
		return { extension, name: `assets/${hash}${extension}`, content: text };
	});
	let page = await readFile(join(sources, "index.html"), "utf8");
	for (const { extension, name } of assets)
		page = page.replace(`{${extension.slice(1)}}`, name);
	return [{ name: "", extension: ".html", content: page }, ...assets].map(
		({ extension, ...file }) => ({
			...file,
			type: types[extension] ?? "application/octet-stream",
		}),
	);
}
