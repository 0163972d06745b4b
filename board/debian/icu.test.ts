import test from "ava";
import { isExcluded } from "./icu.ts";

test("fallbacks of all languages and all collations are kept", (t) => {
	for (const item of [
		"root.res",
		"curr/res_index.res",
		"supplementalData.res",
		"zone/root.res",
		"coll/zh.res",
		"coll/ucadata.icu",
		"ibm-943_P15A-2003.cnv",
		"brkitr/thaidict.dict",
	])
		t.false(isExcluded(item), item);
});

test("European languages keep their formats, and English also its names", (t) => {
	for (const item of ["de_AT.res", "curr/fr.res", "lang/en_GB.res"])
		t.false(isExcluded(item), item);
	for (const item of [
		"zh_Hant.res",
		"curr/ja.res",
		"lang/de.res",
		"translit/root.res",
	])
		t.true(isExcluded(item), item);
});
