import * as z from "zod";
import { sessionCookie } from "../access/login/session-cookie.ts";
import type { Operation, OperationTable } from "../operations/operation.ts";

/** The OpenAPI 3.1 description of `POST /manager/api/<operation>`. */
export function openApiDocument(operations: OperationTable) {
	return {
		openapi: "3.1.0",
		info: { title: "App Platform manager", version: MANAGER_VERSION },
		servers: [{ url: "/manager/api" }],
		paths: Object.fromEntries(
			[...operations.values()].map((operation) => [
				`/${operation.name}`,
				{ post: describeOperation(operation) },
			]),
		),
		components: {
			securitySchemes: {
				session: { type: "apiKey", in: "cookie", name: sessionCookie },
				token: {
					type: "http",
					scheme: "bearer",
					description:
						"Made by tokenCreate. The scope `administer` includes `read`; a token may also be for single operations, by their names.",
				},
			},
			schemas: {
				Failure: {
					type: "object",
					required: ["error"],
					properties: {
						error: {
							type: "object",
							required: ["code", "message"],
							properties: {
								code: { type: "string" },
								message: { type: "string" },
							},
						},
					},
				},
			},
		},
	};
}

function describeOperation(operation: Operation) {
	return {
		operationId: operation.name,
		summary: operation.summary,
		security: securityOf(operation),
		requestBody: {
			required: true,
			content: json(z.toJSONSchema(operation.input, { io: "input" })),
		},
		responses: {
			"200": {
				description: "Done",
				content: json(z.toJSONSchema(operation.output)),
			},
			default: {
				description: "Refused or failed; the message says why",
				content: json({ $ref: "#/components/schemas/Failure" }),
			},
		},
	};
}

function securityOf({ permission, tokens }: Operation) {
	if (permission === "everyone") return [];
	const session = { session: [] };
	return tokens === "never" ? [session] : [session, { token: [tokens] }];
}

function json(schema: unknown) {
	return { "application/json": { schema } };
}
