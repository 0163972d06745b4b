# shellcheck shell=sh
# An update can bring another major version of PostgreSQL. Then the new system, while on trial, writes
# a cluster of its own from what the server of the old system reads; that one is unpacked
# from the old set, which is on sda1 until the update is confirmed. The old cluster stays beside the
# new one as long, for a rollback. Used by S50postgresql.
#
#   pgsql          the cluster in use
#   pgsql.making   one that is not complete
#   pgsql.new      one that is complete and about to take its place
#   pgsql.MAJOR    the one before, of that version

# Beside the old system and the second cluster: the new server's log of writes, and what others write.
SPARE_KB=600000
CONVERSION=/run/conversion

# choose_cluster: puts the cluster that this system can read in its place. Every step may be cut off.
choose_cluster() {
	on_trial || put_back_old_cluster
	rm -rf "$CLUSTER.making"
	[ -e "$CLUSTER" ] || [ ! -e "$CLUSTER.new" ] || move_cluster "$CLUSTER.new" "$CLUSTER"
	rm -rf "$CLUSTER.new"
	version=$(cat "$CLUSTER/PG_VERSION" 2>/dev/null) || version=$MAJOR_VERSION
	if [ "$version" != "$MAJOR_VERSION" ]; then
		on_trial ||
			fail "The databases in $CLUSTER are of PostgreSQL $version; this system has $MAJOR_VERSION"
		convert_cluster "$version" "$(boot_slot)"
	elif ! on_trial; then
		# The update is confirmed, or there was none.
		rm -rf "$CLUSTER".[0-9]*
	fi
}

# After a rollback: what the failed system wrote is of a version that this one does not read.
put_back_old_cluster() {
	old=$CLUSTER.$MAJOR_VERSION
	[ -d "$old" ] && [ "$(cat "$CLUSTER/PG_VERSION" 2>/dev/null)" != "$MAJOR_VERSION" ] || return 0
	say "Putting the databases from before the update back"
	rm -rf "$CLUSTER.making"
	[ ! -e "$CLUSTER" ] || move_cluster "$CLUSTER" "$CLUSTER.making"
	move_cluster "$old" "$CLUSTER"
}

move_cluster() {
	mv "$1" "$2"
	sync "${CLUSTER%/*}"
}

# convert_cluster VERSION SLOT
convert_cluster() {
	say "Taking the databases from PostgreSQL $1 to $MAJOR_VERSION"
	needed=$(($(du -sk "$CLUSTER" | cut -f 1) + $(unpacked_kb "$2") + SPARE_KB))
	free=$(df -k "${CLUSTER%/*}" | awk 'END { print $4 }')
	[ "$free" -ge "$needed" ] ||
		fail "PostgreSQL $1 cannot be upgraded: sda2 has $free KB free, $needed KB are needed"
	old_system=$CLUSTER.making/system
	mkdir -p "$CLUSTER.making" "$old_system"
	unpack_set "$2" "$old_system" >/run/unpack.log 2>&1 ||
		fail "The old system in $BOOT/$2 cannot be unpacked: $(tail -n 3 /run/unpack.log)"
	[ -x "$old_system/usr/lib/postgresql/$1/bin/postgres" ] ||
		fail "The old system in $BOOT/$2 has no PostgreSQL $1"
	make_folder "$CONVERSION"
	make_folder "$CLUSTER.making/pgsql"
	copy_databases "$1" "$(most_minutes "$needed")" >"$CONVERSION/log" 2>&1 || {
		stop_servers
		fail "The databases cannot be upgraded: $(grep -v ' LOG:  ' "$CONVERSION/log" | tail -n 3)"
	}
	copy_configuration "$CLUSTER.making/pgsql"
	sync
	move_cluster "$CLUSTER.making/pgsql" "$CLUSTER.new"
	move_cluster "$CLUSTER" "$CLUSTER.$1"
	move_cluster "$CLUSTER.new" "$CLUSTER"
	rm -rf "$CLUSTER.making" "$CONVERSION"
}

# unpacked_kb SLOT: xz makes a sixth of a system.
unpacked_kb() {
	echo $(($(stat -c %s "$(file_of_set "$1" rootfs.tar.xz)") * 6 / 1024))
}

# most_minutes KB: what the slowest machine needs several times over, for databases of that size.
most_minutes() {
	echo $((60 + $1 / 10240))
}

# copy_databases OLD_VERSION MINUTES: from one server to the other, both reached by this function
# alone.
copy_databases() {
	feed_watchdog "$2" &
	feeder=$!
	new_server=
	start_old_server "$1"
	initialise "$CLUSTER.making/pgsql" || return 1
	: >"$CONVERSION/empty"
	start_new_server
	wait_for_server 5432 $old_server && wait_for_server 5433 $new_server || return 1
	rm -f "$CONVERSION/failed"
	{ as_postgres pg_dumpall -h "$CONVERSION" -p 5432 || touch "$CONVERSION/failed"; } |
		sed '1,/^-- Databases$/{/^CREATE ROLE postgres;$/d}' |
		as_postgres psql -q -h "$CONVERSION" -p 5433 -d postgres -v ON_ERROR_STOP=1 >/dev/null || return 1
	[ ! -e "$CONVERSION/failed" ] || return 1
	stop_servers
}

# start_old_server VERSION: in the old system, with a mount namespace of its own, so that whatever
# ends it leaves none of the old cluster's folders within those that are removed afterwards.
start_old_server() {
	echo "local all all trust" >"$CONVERSION/pg_hba.conf"
	: >"$CONVERSION/empty"
	# shellcheck disable=SC2016 # expanded by the inner shell
	unshare --mount --propagation private sh -euc '
		mkdir -p "$1/dev" "$1/mnt/sda2/pgsql" "$1$3"
		mount --rbind /dev "$1/dev"
		mount --bind "$2" "$1/mnt/sda2/pgsql"
		mount --bind "$3" "$1$3"
		exec chroot "$1" setpriv --reuid postgres --regid postgres --init-groups \
			"/usr/lib/postgresql/$4/bin/postgres" -D /mnt/sda2/pgsql -c config_file="$3/empty" \
			-c hba_file="$3/pg_hba.conf" -c ident_file="$3/empty" -c unix_socket_directories="$3" \
			-c port=5432 -c listen_addresses= -c shared_buffers=16MB
	' sh "$old_system" "$CLUSTER" "$CONVERSION" "$1" &
	old_server=$!
}

# Not by as_postgres: in the background, a function is a shell of its own, which gets the signals.
start_new_server() {
	setpriv --reuid postgres --regid postgres --init-groups \
		postgres -D "$CLUSTER.making/pgsql" -c config_file="$CONVERSION/empty" \
		-c hba_file="$CONVERSION/pg_hba.conf" -c unix_socket_directories="$CONVERSION" \
		-c port=5433 -c listen_addresses= -c shared_buffers=16MB -c fsync=off &
	new_server=$!
}

# wait_for_server PORT PID: a server that was cut off reads its log of writes first.
wait_for_server() {
	until pg_isready -q -U postgres -d postgres -h "$CONVERSION" -p "$1"; do
		kill -0 "$2" 2>/dev/null || return 1
		sleep 0.2
	done
}

stop_servers() {
	# SIGINT is PostgreSQL's fast shutdown.
	for process in ${old_server:-} ${new_server:-}; do
		kill -INT "$process" 2>/dev/null || continue
		wait "$process" || true
	done
	[ -z "${feeder:-}" ] || kill "$feeder" 2>/dev/null || true
	old_server=
	new_server=
	feeder=
}

# feed_watchdog MINUTES: the watchdog of the trial does not know how large the databases are. What
# takes longer hangs, and the watchdog ends it.
feed_watchdog() {
	watchdog=$(trial_watchdog) || return 0
	left=$1
	# The sleep must not have it open: it outlives this, and who confirms the update wants to open it.
	while [ "$left" -gt 0 ]; do
		echo .
		sleep 60 >/dev/null
		left=$((left - 1))
	done >"$watchdog"
}

# copy_configuration FOLDER: what the admin set, but for what this version does not know any more.
copy_configuration() {
	configure "$1"
	write_run_time_settings
	for file in pg_hba.conf pg_ident.conf; do
		cp -p "$CLUSTER/$file" "$1/" || fail "$CLUSTER/$file cannot be copied"
	done
	for file in postgresql.conf postgresql.auto.conf; do
		cp -p "$1/$file" "$1/$file.default"
		cp -p "$CLUSTER/$file" "$1/" || fail "$CLUSTER/$file cannot be copied"
		if as_postgres postgres -D "$1" -C shared_buffers >/dev/null 2>"$CONVERSION/settings"; then
			rm "$1/$file.default"
		else
			say "Your $file is kept as $file.old, since: $(head -n 1 "$CONVERSION/settings")"
			mv "$1/$file" "$1/$file.old"
			mv "$1/$file.default" "$1/$file"
		fi
	done
}
