const units = ["B", "KB", "MB", "GB", "TB"];

/** Formats bytes in powers of 1000, as disk vendors do: `16 GB`. */
export function formatBytes(bytes: number): string {
	let value = bytes;
	let unit = 0;
	while (value >= 999.5 && unit < units.length - 1) {
		value /= 1000;
		unit++;
	}
	const digits = unit > 0 && value < 9.95 ? 1 : 0;
	return `${value.toFixed(digits)} ${units[unit]}`;
}

/** Formats a duration in its two largest units: `3 days 4 h`, `5 min 12 s`. */
export function formatDuration(seconds: number): string {
	const whole = Math.floor(seconds);
	const days = Math.floor(whole / 86_400);
	const hours = Math.floor(whole / 3_600) % 24;
	const minutes = Math.floor(whole / 60) % 60;
	if (days > 0) return `${days} ${days === 1 ? "day" : "days"} ${hours} h`;
	if (hours > 0) return `${hours} h ${minutes} min`;
	if (minutes > 0) return `${minutes} min ${whole % 60} s`;
	return `${whole} s`;
}
