import type { InstanceStatus } from "../app-hosting/instances/status.ts";
import { type Input, post } from "./api.ts";

const tlsModes = ["disable", "prefer", "require", "verify-ca", "verify-full"];

/** What an instance is called, and where its database is; for a new one or one that is there. */
export function InstanceFields({ instance }: { instance?: InstanceStatus }) {
	const byDefault = instance ? "stays if empty" : "made up if empty";
	return (
		<>
			<label>
				Domain
				<input
					name="domain"
					required
					placeholder="example.com"
					defaultValue={instance?.domain}
				/>
			</label>
			<label>
				Name
				<input name="name" required defaultValue={instance?.name} />
			</label>
			<Password name="password" label="Password" placeholder={byDefault} />
			<label>
				Database
				<input
					name="databaseName"
					placeholder="domain_name"
					defaultValue={instance?.databaseName}
				/>
			</label>
			<label>
				Database user
				<input
					name="databaseUser"
					placeholder="domain_name"
					defaultValue={instance?.databaseUser}
				/>
			</label>
			<Password
				name="databasePassword"
				label="Database password"
				placeholder={byDefault}
			/>
			<HostFields host={instance?.externalHost} />
		</>
	);
}

function Password({
	name,
	label,
	placeholder,
}: {
	name: string;
	label: string;
	placeholder: string;
}) {
	return (
		<label>
			{label}
			<input
				name={name}
				type="password"
				autocomplete="new-password"
				placeholder={placeholder}
			/>
		</label>
	);
}

function HostFields({ host }: { host: InstanceStatus["externalHost"] }) {
	return (
		<fieldset>
			<legend>Database on another host</legend>
			<label>
				Host, with a port if it is not the usual one
				<input
					name="address"
					placeholder="this machine if empty"
					defaultValue={host?.address}
				/>
			</label>
			<label>
				Kind
				<select name="kind">
					<option value="postgresql">PostgreSQL</option>
					<option value="mysql" selected={host?.kind === "mysql"}>
						MySQL: it is in no backup
					</option>
				</select>
			</label>
			<label>
				TLS
				<select name="tlsMode">
					{tlsModes.map((mode) => (
						<option key={mode} selected={mode === (host?.tlsMode ?? "prefer")}>
							{mode}
						</option>
					))}
				</select>
			</label>
			<label>
				Trusted certificates (PEM)
				<textarea
					name="ca"
					placeholder="those that everybody trusts if empty"
					defaultValue={host?.ca}
				/>
			</label>
			<p>
				Make the database and its user on that host first. Nothing is copied
				there or back.
			</p>
		</fieldset>
	);
}

/**
 * Tries to connect to the database as it is in the fields.
 * @param input as from `instanceInput`, with the `id` of an instance that is there.
 * @returns what came of it. @throws Failure
 */
export async function tryDatabase(
	input: Partial<Input<"instanceCreate">> & { id?: number },
): Promise<string> {
	const { id, externalHost, databasePassword, domain, name } = input;
	// What is left empty stays; for a new instance it is made up so.
	const byDefault = id === undefined ? `${domain}_${name}` : undefined;
	const { databaseName = byDefault, databaseUser = byDefault } = input;
	const { text } = await post("instanceTestConnection", {
		...{ id, externalHost, databaseName, databaseUser },
		...(databasePassword ? { databasePassword } : {}),
	});
	return text;
}

/** The fields as operations take them; what is left empty is left out. */
export function instanceInput(fields: FormData): Input<"instanceCreate"> {
	const filled = Object.fromEntries(
		[...fields].filter(([, value]) => value !== ""),
	);
	const { address, kind, tlsMode, ca, ...rest } = filled;
	// The fields have the operation's names; it checks their values.
	return {
		...rest,
		externalHost: address ? { address, kind, tlsMode, ca } : null,
	} as Input<"instanceCreate">;
}
