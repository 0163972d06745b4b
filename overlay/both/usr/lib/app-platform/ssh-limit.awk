# Reads dropbear's log and prints it again. Limits guesses and pending logins, for which dropbear has fixed
# limits only: 30 pending logins, of 5 minutes each, shut everybody out.
#
# A source is an IPv4 address, the /64 of an IPv6 address, or loopback. After FREE failures new connections of a source
# are dropped for 2 s, then 4 s, up to 5 minutes; an hour without a failure is forgiven. Of more than MAX_PENDING
# pending logins, the oldest of the source with the most is ended: a newcomer always finds a place. Sources with an
# earlier login are the last to lose one.

BEGIN {
	FREE = 5
	FIRST_SECONDS = 2
	MAX_SECONDS = 300
	FORGET_SECONDS = 3600
	LOGIN_SECONDS = 60
	# dropbear's limit is 30, and 5 for each address.
	MAX_PENDING = 20
	MAX_SOURCES = 2000
}

{
	print
	fflush()
	process = $1
	gsub(/[^0-9]/, "", process)
}

/ Child connection from / {
	make_room()
	pending[process] = source_of($NF)
	started[process] = uptime()
	order[process] = ++count
	next
}

/ (Password|Pubkey) auth succeeded for / || / Exit before auth/ || / Early exit/ {
	if (/Timeout before auth/ && process in pending)
		fail(pending[process])
	if (/ auth succeeded for / && process in pending) {
		if (known_sources++ > MAX_SOURCES) {
			split("", known)
			known_sources = 1
		}
		known[pending[process]] = 1
	}
	forget(process)
	next
}

/ (Bad|Too-long) password attempt for / || / Login attempt for nonexistent user / || / Pubkey auth bad signature / {
	if (process in pending)
		fail(pending[process])
}

# Seconds of monotonic time.
function uptime(  line, part) {
	getline line <"/proc/uptime"
	close("/proc/uptime")
	split(line, part, " ")
	return part[1]
}

# source_of ADDRESS:PORT: prints what nft takes.
function source_of(text,  address, mapped) {
	address = text
	sub(/:[0-9]+$/, "", address)
	mapped = address
	if (sub(/^::ffff:/, "", mapped) && mapped ~ /^[0-9.]+$/)
		address = mapped
	if (address ~ /^127\./ || address == "::1")
		return "127.0.0.0/8"
	if (address ~ /^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$/)
		return address
	sub(/%.*/, "", address)
	return network_of(address)
}

# network_of ADDRESS: the /64 of an IPv6 address, or nothing for other text.
function network_of(address,  halves, head, tail, groups, part, i, n) {
	if (address !~ /^[0-9a-fA-F:]+$/)
		return ""
	n = split(address, halves, "::")
	groups = split(halves[1], head, ":")
	tail = n > 1 ? split(halves[2], part, ":") : 0
	for (i = 1; i <= 4; i++)
		if (i > groups)
			head[i] = i > 8 - tail ? part[i - 8 + tail] : 0
	return head[1] ":" head[2] ":" head[3] ":" head[4] "::/64"
}

function fail(source,  now, seconds, i) {
	if (source == "")
		return
	now = uptime()
	if (!(source in failures) && sources >= MAX_SOURCES)
		forget_sources(now)
	if (!(source in failures))
		sources++
	if (source in failed && now - failed[source] >= FORGET_SECONDS)
		failures[source] = 0
	failures[source]++
	failed[source] = now
	if (failures[source] < FREE)
		return
	seconds = FIRST_SECONDS
	for (i = FREE; i < failures[source] && seconds < MAX_SECONDS; i++)
		seconds *= 2
	if (seconds > MAX_SECONDS)
		seconds = MAX_SECONDS
	drop(source, seconds)
	for (i in pending)
		if (pending[i] == source)
			end(i)
}

function drop(source, seconds,  element) {
	if (source == "127.0.0.0/8")
		run("add element inet ssh_limit waiting6 { ::1 timeout " seconds "s }")
	element = (source ~ /:/ ? "waiting6" : "waiting4") " { " source " timeout " seconds "s }"
	run("add element inet ssh_limit " element)
}

# An element that has not expired yet stays.
function run(command) {
	system("nft '" command "' 2>/dev/null")
}

function forget_sources(now,  source) {
	for (source in failed)
		if (now - failed[source] >= MAX_SECONDS) {
			delete failed[source]
			delete failures[source]
			sources--
		}
	if (sources >= MAX_SOURCES) {
		split("", failed)
		split("", failures)
		sources = 0
	}
}

# Before a newcomer is counted.
function make_room(  i, now, size, weight, source, victim, most) {
	now = uptime()
	for (i in pending)
		if (now - started[i] > LOGIN_SECONDS)
			end(i)
	for (i in pending) {
		size++
		weight[pending[i]] += (pending[i] in known) ? 0.01 : 1
	}
	if (size < MAX_PENDING)
		return
	for (i in pending) {
		source = pending[i]
		if (victim == "" || weight[source] > most || (weight[source] == most && order[i] < order[victim])) {
			victim = i
			most = weight[source]
		}
	}
	end(victim)
}

# end PROCESS: only if it is still one of dropbear's.
function end(process,  name) {
	getline name <("/proc/" process "/comm")
	close("/proc/" process "/comm")
	if (name == "dropbear")
		system("kill " process " 2>/dev/null")
	forget(process)
}

function forget(process) {
	delete pending[process]
	delete started[process]
	delete order[process]
}
