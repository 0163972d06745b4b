-- The manager's role and database: everything that the manager cannot do itself, because it is no superuser. psql
-- runs this as a superuser at each start of PostgreSQL, in the databases postgres and manager, which apps cannot
-- enter. Each statement is skipped if it would change nothing. Older versions, in which the manager was the superuser
-- root, still work with the result.
\set ON_ERROR_STOP on
SET search_path = pg_catalog, pg_temp;
SET client_min_messages = warning;

-- A standby has the primary's roles.
SELECT pg_is_in_recovery() AS standby
\gset
\if :standby
	\quit
\endif

-- The role never has a password; one that has belongs to somebody else.
SELECT EXISTS (SELECT FROM pg_authid WHERE rolname = 'app_platform_manager' AND rolpassword IS NOT NULL) AS taken
\gset
\if :taken
	DO $$ BEGIN
		RAISE 'The role app_platform_manager is reserved for the manager, but it has a password: rename it';
	END $$;
\endif

-- The members of app_instances connect with a password: see pg_hba.conf.
SELECT format('CREATE ROLE %I', name) FROM unnest(ARRAY['app_instances', 'app_platform_manager']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec
SELECT 'ALTER ROLE app_platform_manager LOGIN INHERIT NOSUPERUSER CREATEDB CREATEROLE NOREPLICATION NOBYPASSRLS'
FROM pg_roles WHERE rolname = 'app_platform_manager'
	AND (NOT rolcanlogin OR NOT rolinherit OR rolsuper OR NOT rolcreatedb OR NOT rolcreaterole OR rolreplication OR rolbypassrls)
\gexec

-- To see the sizes of databases, to end sessions of apps, and to connect although apps have taken all connections
-- (the last is new in PostgreSQL 16).
SELECT format('GRANT %I TO app_platform_manager', rolname) FROM pg_roles
WHERE rolname IN ('pg_read_all_stats', 'pg_signal_backend', 'pg_use_reserved_connections')
	AND NOT pg_has_role('app_platform_manager', oid, 'USAGE')
\gexec

SELECT 'CREATE DATABASE manager OWNER app_platform_manager'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'manager')
\gexec
SELECT 'ALTER DATABASE manager OWNER TO app_platform_manager'
FROM pg_database WHERE datname = 'manager' AND datdba <> 'app_platform_manager'::regrole
\gexec
-- Apps must not read the manager's data, nor block CREATE DATABASE by connecting to template1.
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', datname) FROM pg_database
WHERE datname IN ('manager', 'postgres', 'template1')
	AND has_database_privilege('public', oid, 'CONNECT, CREATE, TEMPORARY')
\gexec

\connect manager
SET search_path = pg_catalog, pg_temp;
SET client_min_messages = warning;

-- Tables of older versions belong to the superuser. A sequence of a column belongs to the owner of its table.
SELECT format('ALTER TABLE public.%I OWNER TO app_platform_manager', relname) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
	AND relowner <> 'app_platform_manager'::regrole
	AND NOT EXISTS (
		SELECT FROM pg_depend
		WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND refclassid = 'pg_class'::regclass
			AND relkind = 'S' AND deptype IN ('a', 'i'))
\gexec
SELECT 'GRANT ALL ON SCHEMA public TO app_platform_manager'
WHERE NOT has_schema_privilege('app_platform_manager', 'public', 'CREATE')
\gexec

-- The manager administers the roles of instances, also of those that older versions have created. Its table names them:
-- a superuser does not read it, since the manager can make it a view that calls its functions.
SELECT current_user AS superuser
\gset
\connect manager app_platform_manager
SET search_path = pg_catalog, pg_temp;
SET statement_timeout = '1min';
\set users []
SELECT to_regclass('public.instance') IS NOT NULL AS has_instances
\gset
\if :has_instances
	SELECT coalesce(json_agg(database_user), '[]') AS users FROM public.instance
	\gset
\endif
\connect postgres :"superuser"
SET search_path = pg_catalog, pg_temp;
SET client_min_messages = warning;

-- The members of app_instances need a password on the socket: superusers would be kept out.
SELECT format('REVOKE app_instances FROM %s GRANTED BY %s', member::regrole, grantor::regrole)
FROM pg_auth_members JOIN pg_roles ON pg_roles.oid = member
WHERE roleid = 'app_instances'::regrole AND rolsuper
\gexec

-- Nor does the manager get, by naming it there, a role that may do more than instances.
SELECT format('GRANT %s TO app_platform_manager WITH ADMIN OPTION', role.oid::regrole) FROM pg_roles AS role
WHERE (
		rolname IN (SELECT json_array_elements_text(:'users'))
		OR oid IN (SELECT member FROM pg_auth_members WHERE roleid = 'app_instances'::regrole)
		OR oid = 'app_instances'::regrole
	)
	AND oid <> 'app_platform_manager'::regrole
	AND NOT EXISTS (
		-- Those of PostgreSQL itself, such as pg_execute_server_program, have lower numbers.
		SELECT FROM pg_roles AS granted
		WHERE pg_has_role(role.oid, granted.oid, 'MEMBER')
			AND (granted.oid < 16384 OR granted.rolsuper OR granted.rolreplication OR granted.rolbypassrls))
	AND NOT EXISTS (
		SELECT FROM pg_auth_members
		WHERE roleid = role.oid AND member = 'app_platform_manager'::regrole AND admin_option)
\gexec
