/** The reason why a disk would not start, or would start something incomplete. */
export class Fault extends Error {
	override name = "Fault";
}
