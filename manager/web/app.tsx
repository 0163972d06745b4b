import { useCallback, useEffect, useState } from "preact/hooks";
import { AccessPage } from "./access-page.tsx";
import { type Failure, post } from "./api.ts";
import { AppsPage } from "./apps-page.tsx";
import { CertificatePage } from "./certificate-page.tsx";
import { DefaultPasswordNotice } from "./default-password-notice.tsx";
import { LoginPage } from "./login-page.tsx";
import { OverviewPage } from "./overview-page.tsx";
import { PasswordPage } from "./password-page.tsx";
import { SettingsPage } from "./settings-page.tsx";
import { UpdatePage } from "./update-page.tsx";

interface Session {
	loggedIn: boolean;
	defaultPassword: boolean;
}

const askAgainMs = 3_000;

export function App() {
	const [session, setSession] = useState<Session>();
	const [problem, setProblem] = useState<string>();
	const [page, setPage] = useState<
		| "overview"
		| "apps"
		| "certificate"
		| "settings"
		| "access"
		| "password"
		| "update"
	>("overview");

	const askSession = useCallback(async () => {
		try {
			setSession(await post("session"));
			setProblem(undefined);
		} catch (failure) {
			setProblem((failure as Failure).message);
		}
	}, []);

	useEffect(() => void askSession(), [askSession]);
	useEffect(() => {
		if (problem === undefined) return;
		const timer = setInterval(askSession, askAgainMs);
		return () => clearInterval(timer);
	}, [problem, askSession]);

	async function logOut() {
		await post("logout").catch(() => {}); // Asking for the session tells what came of it.
		await askSession();
	}

	function passwordDone() {
		setPage("overview");
		void askSession();
	}

	return (
		<>
			<header>
				<h1>App Platform</h1>
				{session?.loggedIn && (
					<nav>
						<button type="button" onClick={() => setPage("overview")}>
							Overview
						</button>
						<button type="button" onClick={() => setPage("apps")}>
							Apps
						</button>
						<button type="button" onClick={() => setPage("certificate")}>
							Certificate
						</button>
						<button type="button" onClick={() => setPage("settings")}>
							Settings
						</button>
						<button type="button" onClick={() => setPage("update")}>
							Update
						</button>
						<button type="button" onClick={() => setPage("access")}>
							API
						</button>
						<button type="button" onClick={() => setPage("password")}>
							Change password
						</button>
						<button type="button" onClick={logOut}>
							Log out
						</button>
					</nav>
				)}
			</header>
			{session?.defaultPassword && <DefaultPasswordNotice />}
			{problem && (
				<p role="alert" class="notice">
					{problem}
				</p>
			)}
			<main>
				{session && !session.loggedIn && <LoginPage loggedIn={askSession} />}
				{session?.loggedIn && page === "password" && (
					<PasswordPage done={passwordDone} />
				)}
				{session?.loggedIn && page === "apps" && (
					<AppsPage failed={askSession} />
				)}
				{session?.loggedIn && page === "access" && <AccessPage />}
				{session?.loggedIn && page === "certificate" && (
					<CertificatePage failed={askSession} />
				)}
				{session?.loggedIn && page === "settings" && (
					<SettingsPage failed={askSession} />
				)}
				{session?.loggedIn && page === "update" && (
					<UpdatePage failed={askSession} />
				)}
				{session?.loggedIn && page === "overview" && (
					<OverviewPage failed={askSession} />
				)}
			</main>
		</>
	);
}
