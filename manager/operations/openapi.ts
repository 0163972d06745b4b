import * as z from "zod";
import { sessionCookie } from "../login/session-cookie.ts";
import type { Operation, OperationTable } from "./operation.ts";

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
		security: operation.permission === "everyone" ? [] : [{ session: [] }],
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

function json(schema: unknown) {
	return { "application/json": { schema } };
}
