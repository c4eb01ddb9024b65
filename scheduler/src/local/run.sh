#!/bin/sh
# Runs tasks on this machine: `run.sh` runs all of those in tasks.txt, a few at
# once, then the last command; `run.sh N` runs task N. What became of them lies
# in the folder `state`: NAME.running (which process), NAME.exit (how it ended).

# <<<
# >>>

# A process and, because pids are used again, when it began, since which start
# of which machine.
identity() {
    read -r stat < "/proc/$1/stat" || return
    pid=$1
    # shellcheck disable=SC2086 # fields of numbers
    set -- ${stat##*) }
    # Dead, but its parent has not heard of it.
    case $1 in Z | X) return 1 ;; esac
    read -r boot < /proc/sys/kernel/random/boot_id
    read -r host < /proc/sys/kernel/hostname
    echo "$pid ${20} $boot $host"
}

# Whole or absent, for whoever reads it meanwhile.
record() {
    printf '%s\n' "$2" > "$1.new" && mv "$1.new" "$1"
}

# record_end NAME CODE LIMIT
record_end() {
    end=$2
    # What `timeout` exits with.
    if [ "$2" = 124 ] && [ "$3" != 0 ]; then end=TIMEOUT; fi
    if [ "$2" != 0 ] && [ -e "$folder/cancelled" ]; then end=CANCELLED; fi
    record "$folder/state/$1.exit" "$end"
}

# Waits for $child, also when TERM interrupts.
wait_child() {
    wait "$child"
    code=$?
    while [ -n "$stopped" ]; do
        stopped=
        wait "$child"
        again=$?
        # 127: it had been waited for already.
        if [ "$again" != 127 ]; then code=$again; fi
    done
}

child=
stopped=
trap 'stopped=1; [ -z "$child" ] || kill -TERM "$child" 2> /dev/null' TERM

if [ "$#" = 1 ]; then
    record "$folder/state/$1.running" "$(identity $$)"
    # Nothing more begins once the supervisor is gone or told to stop.
    read -r supervisor < "$folder/supervisor"
    if [ -e "$folder/cancelled" ] || [ "$(identity "${supervisor%% *}")" != "$supervisor" ]; then
        rm "$folder/state/$1.running"
        exit 0
    fi
    task "$1" >> "$logs/$(printf %05d "$1").out" 2>&1 &
    child=$!
    [ -z "$stopped" ] || kill -TERM "$child"
    wait_child
    record_end "$1" "$code" "$limit"
    exit 0
fi

exec < /dev/null >> "$folder/supervisor.log" 2>&1
# The session of who submitted may end.
trap '' HUP
record "$folder/supervisor" "$(identity $$)"
xargs -r -n 1 -P "$most" sh "$0" < "$folder/tasks.txt" &
child=$!
wait_child
if [ "$finish" = yes ] && [ ! -e "$folder/cancelled" ]; then
    record "$folder/state/finish.running" "$(identity $$)"
    finish >> "$logs/finish.out" 2>&1 &
    child=$!
    [ -z "$stopped" ] || kill -TERM "$child"
    wait_child
    record_end finish "$code" "$finish_limit"
fi
