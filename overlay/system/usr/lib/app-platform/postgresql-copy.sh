# shellcheck shell=sh
# Copies all roles and databases from one PostgreSQL server to an empty one of another version. What a database
# contains was decided by its owner: a function in a constraint or an index runs as soon as it is restored. So each
# database is restored in sessions of its owner, which cannot become sessions of anybody else. Only what is common to
# all databases, the empty database and what belongs to superusers comes from a superuser.
#
# Needs as_postgres, say, show_progress; OLD_SERVER and NEW_SERVER, libpq's parameters of the servers, to which postgres connects
# without a password; COPY_DIRECTORY for temporary files.

SUPERUSER=postgres
# Owners may have set others for their sessions.
SAFE_SETTINGS='-c search_path=pg_catalog,pg_temp -c role=none -c local_preload_libraries= -c statement_timeout=0
	-c lock_timeout=0 -c idle_in_transaction_session_timeout=0 -c idle_session_timeout=0
	-c default_transaction_read_only=off -c default_transaction_isolation=read\ committed -c row_security=on
	-c default_tablespace= -c temp_tablespaces= -c default_table_access_method=heap'
# Entries of a dump that only a superuser could restore, or with rights that others have granted. One that fails is
# reported, but does not stop the copy. Their names in pg_restore's list are followed by the schema or a dash.
OPTIONAL='ACL|DEFAULT ACL|COMMENT|SECURITY LABEL|EVENT TRIGGER|PUBLICATION|PUBLICATION TABLE|PUBLICATION TABLES IN SCHEMA|SUBSCRIPTION|SUBSCRIPTION TABLE'

# copy_cluster: fails if anything that matters cannot be copied.
copy_cluster() {
	old=$(server_options "$OLD_SERVER") && new=$(server_options "$NEW_SERVER") && copy_roles || return 1
	# The limit -2 marks a database whose deletion was interrupted.
	databases=$(ask_old "SELECT oid FROM pg_database WHERE datname <> 'template0' AND datconnlimit <> -2 ORDER BY datname") ||
		return 1
	for database in $databases; do
		copy_database "$database" || return 1
	done
}

# server_options SERVER: prints safe settings that the server knows.
server_options() {
	version=$(PGOPTIONS='' as_postgres psql -XAtq -d "$1 user=$SUPERUSER dbname=postgres" -c 'SHOW server_version_num') ||
		return 1
	echo "$SAFE_SETTINGS$([ "$version" -lt 170000 ] || echo ' -c transaction_timeout=0')"
}

# in_old PROGRAM ARGUMENT…, in_new PROGRAM ARGUMENT…
in_old() {
	PGOPTIONS=$old as_postgres "$@"
}

in_new() {
	PGOPTIONS=$new as_postgres "$@"
}

# ask_old SQL [DATABASE]: prints the result. DATABASE is a parameter of libpq.
ask_old() {
	in_old psql -XAtq -v ON_ERROR_STOP=1 -d "$OLD_SERVER user=$SUPERUSER ${2:-dbname=postgres}" -c "$1"
}

ask_new() {
	in_new psql -XAtq -v ON_ERROR_STOP=1 -d "$NEW_SERVER user=$SUPERUSER dbname=postgres" -c "$1"
}

# A setting of a role that the new version does not know does not matter; a missing role does.
copy_roles() {
	in_old pg_dumpall --globals-only -d "$OLD_SERVER user=$SUPERUSER" >"$COPY_DIRECTORY/roles" || return 1
	sed "/^CREATE ROLE $SUPERUSER;\$/d" "$COPY_DIRECTORY/roles" |
		in_new psql -Xq -d "$NEW_SERVER user=$SUPERUSER dbname=postgres" >/dev/null || return 1
	rm "$COPY_DIRECTORY/roles"
	roles="SELECT rolname, rolsuper, rolcanlogin, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, rolconnlimit,
			md5(rolpassword), ARRAY(SELECT roleid::regrole::text FROM pg_auth_members WHERE member = pg_authid.oid
				AND roleid <> ALL (ARRAY(SELECT oid FROM pg_authid WHERE starts_with(rolname, 'pg_'))) ORDER BY 1)
		FROM pg_authid WHERE NOT starts_with(rolname, 'pg_') ORDER BY 1"
	old_roles=$(ask_old "$roles") && new_roles=$(ask_new "$roles") || return 1
	if [ "$old_roles" != "$new_roles" ]; then
		echo "The roles cannot be copied"
		return 1
	fi
}

# copy_database OID
copy_database() {
	name=$(fact "datname") && owner=$(fact "rolname") || return 1
	parameter=$(fact "$(quoted dbname datname)") && owner_parameter=$(fact "$(quoted user rolname)") || return 1
	connects=$(fact "datallowconn") && limit=$(fact "datconnlimit") && restorer=$(fact "$RESTORER") || return 1
	dump=$COPY_DIRECTORY/schema
	list=$COPY_DIRECTORY/list
	show_progress "Copying the database $name"
	[ "$connects" = t ] || allow_connections true || return 1
	if [ "$restorer" = superuser ]; then
		copy_as_superuser
	elif [ "$restorer" = owner ]; then
		copy_as_owner
	else
		echo "The database $name belongs to $owner, a superuser, but contains objects of $restorer. With psql, delete them" \
			"or run ALTER DATABASE … OWNER TO …"
		false
	fi || {
		echo "The database $name cannot be copied"
		return 1
	}
	if [ "$connects" != t ]; then
		allow_connections false && alter_new "ALTER DATABASE %I ALLOW_CONNECTIONS false" datname || return 1
	fi
	rm -f "$dump" "$list" "$list".*
}

# Who restores a database: its owner, unless that is a superuser. A superuser restores nothing that an app has made.
# Large objects run no code.
RESTORER="CASE WHEN NOT rolsuper THEN 'owner' ELSE coalesce((
		SELECT string_agg(DISTINCT refobjid::regrole::text, ', ') FROM pg_shdepend
		WHERE dbid = pg_database.oid AND deptype = 'o' AND classid <> 'pg_largeobject'::regclass
			AND refobjid IN (SELECT member FROM pg_auth_members WHERE roleid = to_regrole('app_instances'))
			AND NOT (SELECT rolsuper FROM pg_roles WHERE oid = refobjid)
	), 'superuser') END"

# fact EXPRESSION: prints a fact about the database and its owner.
fact() {
	ask_old "SELECT $1 FROM pg_database JOIN pg_roles ON pg_roles.oid = datdba WHERE pg_database.oid = $database"
}

# quoted PARAMETER COLUMN: an expression for a parameter of libpq.
quoted() {
	printf "'%s=''' || replace(replace(%s, '\\', '\\\\\\\\'), '''', '\\''') || ''''" "$1" "$2"
}

# allow_connections true|false: of the database in the old server. Some are locked by administrators.
allow_connections() {
	statement=$(fact "format('ALTER DATABASE %I ALLOW_CONNECTIONS $1', datname)") && ask_old "$statement"
}

# dump_old ARGUMENT…: dumps the database; uncompressed, since pg_restore reads it at once.
dump_old() {
	in_old pg_dump -Fc -Z 0 -d "$OLD_SERVER user=$SUPERUSER $parameter" "$@"
}

# restore_new CONNECTION ARGUMENT…: restores from a file or standard input. CONNECTION are parameters of libpq.
restore_new() {
	connection=$1
	shift
	in_new pg_restore -d "$NEW_SERVER $connection" "$@"
}

# list_entries PATTERN: prints the entries of the schema's dump whose types match.
list_entries() {
	grep -E "^[0-9]+; [0-9]+ [0-9]+ $1" "$list"
}

copy_as_superuser() {
	create=
	case $name in
	postgres | template1) ;;
	*) create=--create ;;
	esac
	rm -f "$COPY_DIRECTORY/failed"
	# pg_restore connects to the database that it creates.
	{ dump_old $create || touch "$COPY_DIRECTORY/failed"; } |
		if [ -n "$create" ]; then
			restore_new "user=$SUPERUSER dbname=postgres" --create --exit-on-error
		else
			restore_new "user=$SUPERUSER $parameter" --exit-on-error
		fi || return 1
	[ ! -e "$COPY_DIRECTORY/failed" ]
}

copy_as_owner() {
	create_database && create_extensions || return 1
	can_log_in=$(fact "rolcanlogin") && owner_limit=$(fact "rolconnlimit") || return 1
	alter_new "ALTER ROLE %I LOGIN CONNECTION LIMIT -1" rolname &&
		alter_new "ALTER DATABASE %I CONNECTION LIMIT -1" datname || return 1
	restore_content || return 1
	{ list_entries "($OPTIONAL) " | grep -Ev "$OF_DATABASE"; } >"$list.optional" || true
	restore_new "$owner_parameter $parameter" --no-owner -L "$list.optional" "$dump" ||
		say "Some rights or comments in the database $name cannot be restored by its owner"
	[ "$can_log_in" = t ] || alter_new "ALTER ROLE %I NOLOGIN" rolname || return 1
	alter_new "ALTER ROLE %I CONNECTION LIMIT $owner_limit" rolname &&
		alter_new "ALTER DATABASE %I CONNECTION LIMIT $limit" datname
}

# Rights and comments of the database itself.
OF_DATABASE='^[0-9]+; [0-9]+ [0-9]+ [A-Z ]+ - DATABASE '

# Creates the empty database, with its settings and rights. Settings that the new version does not know are left out.
create_database() {
	dump_old --schema-only --create >"$dump" && in_new pg_restore -l --create "$dump" >"$list" || return 1
	grep -E "$OF_DATABASE" "$list" >"$list.create" || true
	in_new pg_restore --create -L "$list.create" -f - "$dump" |
		in_new psql -Xq -d "$NEW_SERVER user=$SUPERUSER dbname=postgres" >/dev/null || return 1
	created=$(ask_new "SELECT count(*) FROM pg_database WHERE datdba::regrole = $(fact "quote_literal(quote_ident(rolname))")::regrole
		AND datname = $(fact "quote_literal(datname)")") || return 1
	[ "$created" = 1 ]
}

# Restores everything that matters, with the data. Everything in the database belongs to its owner then.
restore_content() {
	# pg_restore ends after the list, which ends pg_dump.
	dump_old 2>/dev/null | in_new pg_restore -l >"$list.content" || return 1
	grep -Ev "^[0-9]+; [0-9]+ [0-9]+ ($OPTIONAL) " "$list.content" >"$list.needed"
	rm -f "$COPY_DIRECTORY/failed"
	{ dump_old || touch "$COPY_DIRECTORY/failed"; } |
		restore_new "$owner_parameter $parameter" --no-owner --exit-on-error -L "$list.needed" || return 1
	[ ! -e "$COPY_DIRECTORY/failed" ]
}

# Creates the extensions of which a superuser is the owner, while nothing else is in the database. Its owner restores
# others, which PostgreSQL trusts.
create_extensions() {
	ask_old "SELECT CASE WHEN nspname NOT IN ('public', 'pg_catalog')
			THEN format('CREATE SCHEMA IF NOT EXISTS %I AUTHORIZATION %I; ', nspname, d.rolname) ELSE '' END
			|| format('CREATE EXTENSION IF NOT EXISTS %I SCHEMA %I;', extname, nspname)
		FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
		JOIN pg_roles AS e ON e.oid = extowner
		JOIN pg_database ON datname = current_database() JOIN pg_roles AS d ON d.oid = datdba
		WHERE e.rolsuper AND extname <> 'plpgsql' ORDER BY pg_extension.oid" "$parameter" >"$COPY_DIRECTORY/extensions" ||
		return 1
	in_new psql -Xq -v ON_ERROR_STOP=1 -d "$NEW_SERVER user=$SUPERUSER $parameter" <"$COPY_DIRECTORY/extensions" &&
		rm "$COPY_DIRECTORY/extensions"
}

# alter_new FORMAT COLUMN: changes the database or its owner in the new server.
alter_new() {
	statement=$(fact "format('$1', $2)") && ask_new "$statement"
}
