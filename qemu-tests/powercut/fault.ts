/** The reason why a disk would not boot, or would boot something incomplete. */
export class Fault extends Error {
	override name = "Fault";
}
