import { AppWebsocketCard } from "./app-websocket-card.tsx";
import { TokensCard } from "./tokens-card.tsx";

/** Programs that use the manager. */
export function AccessPage() {
	return (
		<div class="cards">
			<TokensCard />
			<AppWebsocketCard />
		</div>
	);
}
