/** The package has no types, and @types/negotiator lacks `preferred`. */
declare module "negotiator" {
	export default class Negotiator {
		constructor(request: { headers: NodeJS.Dict<string | string[]> });
		/** @returns the accepted encodings, the best first; `preferred` decides between equal q-values. */
		encodings<Encoding extends string>(
			available: readonly Encoding[],
			options: { preferred: readonly Encoding[] },
		): Encoding[];
	}
}
