import * as z from "zod";

/** Of a machine, as DNS knows it: no wildcard, and no address. */
export const hostName = z
	.string()
	.max(253)
	.toLowerCase()
	.regex(
		/^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/,
		{
			error: "is a host name, such as device.example.com",
		},
	);
