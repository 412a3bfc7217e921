# shellcheck shell=bash
# Processes, ports and progress. A server NAME lives in $servers/NAME: its process id in `pid`, its output in `logs/`.

say() { printf 'servers: %s\n' "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

# need COMMAND PACKAGE: fails in one line when a prerequisite is missing.
need() { command -v "$1" >/dev/null || fail "$1 is missing: install $2"; }

export_line() { printf 'export %s=%q\n' "$1" "$2"; }

# provide_directory DIR: one in the cache.
provide_directory() {
    { mkdir -p "$1" 2>/dev/null && [[ -w $1 ]]; } || fail "$cache cannot be written to: set BINDERY_CACHE to a directory that can"
}

# Runs a command while nobody else runs one under the same lock.
locked() {
    local lock
    provide_directory "$cache/locks"
    exec {lock}>"$cache/locks/$1"
    if ! flock --nonblock "$lock"; then
        say "waiting for another build of $1"
        flock "$lock"
    fi
    "${@:2}"
    exec {lock}>&-
}

# Sets `port` to one that nobody listens on. It is locked through a descriptor that the servers started later
# inherit, so that nobody else takes it before they listen on it, and no lock outlives them.
# Below 32768 the kernel gives none of them to an outgoing connection.
free_port() {
    local lock
    provide_directory "$cache/locks/ports"
    while :; do
        port=$(shuf --input-range=20000-32000 --head-count=1)
        exec {lock}>"$cache/locks/ports/$port"
        if flock --nonblock "$lock" && ! (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then return; fi
        exec {lock}>&-
    done
}

# numbered NAME INDEX: the first has the name itself, the second ends in -2.
numbered() { if (($2)); then echo "$1-$(($2 + 1))"; else echo "$1"; fi; }

# numbered_variable NAME INDEX: the same of what DIR/env exports, where the second ends in _2.
numbered_variable() { if (($2)); then echo "$1_$(($2 + 1))"; else echo "$1"; fi; }

# start NAME COMMAND...: in a session, hence process group, of its own, so that it can be ended with its children.
start() {
    local name=$1
    mkdir -p "$servers/$name/logs"
    setsid "${@:2}" >"$servers/$name/logs/console.log" 2>&1 </dev/null &
    # The time of start tells it from a stranger that gets the same number later.
    echo "$! $(started_at $!)" >"$servers/$name/pid"
    disown # or bash would report its end
}

# When a process started, in ticks since boot; nothing when it has ended, even if nobody collected it.
started_at() {
    local stat fields
    { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 0
    read -ra fields <<<"${stat##*) }"
    [[ ${fields[0]} == Z ]] || echo "${fields[19]}"
}

alive() {
    local pid started
    read -r pid started <"$servers/$1/pid" && [[ $(started_at "$pid") == "$started" ]]
}

# await NAME SECONDS CHECK...: until the check succeeds.
await() {
    local name=$1 seconds=$2 began=$SECONDS next=15
    until "${@:3}" >/dev/null 2>&1; do
        alive "$name" || fail_with_logs "$name" "$name stopped while it started"
        ((SECONDS - began < seconds)) || fail_with_logs "$name" "$name was not ready after $seconds s"
        if ((SECONDS - began >= next)); then
            say "$name is starting, ${next} s"
            ((next += 15))
        fi
        sleep 0.2
    done
}

fail_with_logs() {
    tail -n 20 "$servers/$1"/logs/*.log >&2 || true
    fail "$2, see $servers/$1/logs"
}

# stop NAME [SECONDS]: ends its process group. At once by default: what a part leaves is never started again.
stop() {
    local pid started
    [[ -f $servers/$1/pid ]] || return 0
    read -r pid started <"$servers/$1/pid"
    # When the leader is gone its children may still be there; no other process can have got its number then.
    if [[ -z $(started_at "$pid") ]] || alive "$1"; then end_group "$pid" "${2:-0}"; fi
    rm "$servers/$1/pid"
}

# end_group PID SECONDS: asks a process group to end, insists after some seconds, returns when it is gone.
end_group() {
    local deadline=$((SECONDS + $2))
    (($2 == 0)) || kill -TERM -- "-$1" 2>/dev/null || true
    while pgrep --pgroup "$1" --runstates D,R,S,T >/dev/null; do
        ((SECONDS < deadline)) || kill -KILL -- "-$1" 2>/dev/null || true
        sleep 0.1
    done
}

stop_all() {
    local pid
    for pid in "$servers"/*/pid; do
        [[ ! -f $pid ]] || stop "$(basename "$(dirname "$pid")")"
    done
}

exit_on_signals() {
    trap 'exit 130' INT
    trap 'exit 143' TERM
    trap 'exit 129' HUP
}
