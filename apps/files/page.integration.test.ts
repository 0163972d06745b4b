import { readFile } from "node:fs/promises";
import test from "ava";
import { browserPage } from "../../testing/browser.ts";
import { TestAppliance } from "../../testing/test-appliance.ts";

// The page in a browser.
const password = "page-password";
const appliance = await TestAppliance.withApp(import.meta.dirname);
const browser = browserPage(test, "out/files-page.png");
let path = "";

test.before(async () => {
	path = await appliance.createInstance(
		"app-platform_files",
		"files",
		password,
	);
});
test.after.always(() => appliance.remove());

test.serial(
	"creates a folder, uploads, downloads and deletes a file",
	async (t) => {
		const { page, errors } = browser;
		const basic = Buffer.from(`ann:${password}`).toString("base64");
		await page.setExtraHTTPHeaders({ authorization: `Basic ${basic}` });
		page.on("dialog", (dialog) => dialog.accept("Füße & <more>"));
		await page.goto(appliance.origin + path);
		await page.getByRole("button", { name: "New folder" }).click();
		await page.getByRole("link", { name: "Füße & <more>/" }).click();
		const name = "100% #1.txt";
		const buffer = Buffer.from("content");
		await page
			.getByLabel("Upload")
			.setInputFiles({ name, mimeType: "application/x-test", buffer });
		const [download] = await Promise.all([
			page.waitForEvent("download"),
			page.getByRole("link", { name }).click(),
		]);
		t.is(await readFile(await download.path(), "utf8"), "content");
		await page.getByRole("button", { name: "Delete" }).click();
		await page.getByRole("link", { name }).waitFor({ state: "detached" });
		await page.getByRole("link", { name: "Folder above" }).click();
		await page.getByRole("button", { name: "Delete" }).waitFor();
		t.deepEqual(errors, []);
	},
);
