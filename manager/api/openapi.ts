import * as z from "zod";
import type { Operation, OperationTable } from "../operations/operation.ts";
import type { StreamOperation } from "../operations/stream-operation.ts";
import { sessionCookie } from "./session-cookie.ts";

/** The OpenAPI 3.1 description of `/manager/api`. */
export function openApiDocument(
	operations: OperationTable,
	streams: readonly StreamOperation[],
) {
	return {
		openapi: "3.1.0",
		info: { title: "App Platform manager", version: MANAGER_VERSION },
		servers: [{ url: "/manager/api" }],
		paths: {
			...Object.fromEntries(
				[...operations.values()].map((operation) => [
					`/${operation.name}`,
					{ post: describeOperation(operation) },
				]),
			),
			...describeStreams(streams),
		},
		components: {
			securitySchemes: {
				session: { type: "apiKey", in: "cookie", name: sessionCookie },
				token: {
					type: "http",
					scheme: "bearer",
					description:
						"Created by tokenCreate. The scope `administer` includes `read`, but not operations that return passwords; a token may also be limited to single operations, by their names.",
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
		responses: responses(operation.output),
	};
}

/** Groups the operations by path and method. */
function describeStreams(streams: readonly StreamOperation[]) {
	const paths: Record<string, Record<string, object>> = {};
	for (const stream of streams) {
		const path = `/${stream.path}`;
		const method = stream.method.toLowerCase();
		paths[path] = { ...paths[path], [method]: describeStream(stream) };
	}
	return paths;
}

function describeStream({
	name,
	summary,
	tokens,
	contentType,
	query,
	output,
}: StreamOperation) {
	return {
		summary,
		security: securityOf({ name, permission: "administrator", tokens }),
		...(query && { parameters: queryParameters(query) }),
		...(contentType && {
			requestBody: {
				required: true,
				content: { [contentType === "*" ? "*/*" : contentType]: {} },
			},
		}),
		responses: responses(output),
	};
}

function queryParameters(query: z.ZodObject) {
	const { properties = {}, required = [] } = z.toJSONSchema(query, {
		io: "input",
		unrepresentable: "any",
	});
	return Object.entries(properties).map(([name, schema]) => ({
		name,
		in: "query",
		required: required.includes(name),
		schema,
	}));
}

function responses(output: z.ZodType) {
	const schema = z.toJSONSchema(output);
	return {
		"200": {
			description: "Done",
			content:
				schema.type === "string" ? { "text/plain": { schema } } : json(schema),
		},
		default: {
			description: "The operation was refused or failed; the message says why",
			content: json({ $ref: "#/components/schemas/Failure" }),
		},
	};
}

function securityOf({
	name,
	permission,
	tokens,
}: Pick<Operation, "name" | "permission" | "tokens">) {
	if (permission === "everyone") return [];
	const session = { session: [] };
	if (tokens === "never") return [session];
	return [session, { token: [tokens === "byName" ? name : tokens] }];
}

function json(schema: unknown) {
	return { "application/json": { schema } };
}
