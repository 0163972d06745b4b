/** A share of something limited, as a bar and in figures. */
export function Usage({
	name,
	percent,
	detail,
}: {
	name: string;
	percent: number;
	detail?: string;
}) {
	return (
		<label class="usage">
			<span>{name}</span>
			<span>
				{Math.round(percent)} %{detail && ` · ${detail}`}
			</span>
			<meter min={0} max={100} high={90} value={percent} />
		</label>
	);
}
