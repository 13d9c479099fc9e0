#!/bin/sh
# Counts the seconds, and keeps a helper that does not care to be stopped: what
# is left of a tree after the grace is killed, whoever started it.

sh -c 'trap "" TERM; while :; do sleep 1; done' &

trap 'echo "told to stop" >&2; exit 0' TERM
count=0
while :; do
    echo "tick $count"
    count=$((count + 1))
    sleep 1 &
    wait $!
done
