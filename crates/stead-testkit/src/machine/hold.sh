# Holds one machine for as long as its own stdin is open: `hold.sh STORE ROOT INIT [SOURCE PLACE]…`
#
# Runs in a mount namespace of its own, so that whatever it mounts goes with it. A line on stdin
# boots the machine; init.sh answers on stdout with its process id as it is seen from here. The
# end of stdin, by whatever death of the one who held it, is the end of the machine.
set -eu
store=$1 root=$2 init=$3
shift 3

cd "$store"
mount -t tmpfs -o mode=0755 machine view
cd view
mkdir upper work root cgroup
# Relative, as a comma or a colon in the path would be read as an option's end.
mount -t overlay -o "lowerdir=../$root,upperdir=upper,workdir=work" machine root
mount -t cgroup2 cgroup2 cgroup
own=$(sed -n 's/^0:://p' /proc/self/cgroup)
group=$PWD/cgroup$own/stead-machine-$$
mkdir "$group"

guard=
leave() {
    trap - EXIT
    [ -z "$guard" ] || kill -KILL "$guard" 2>/dev/null || :
    wait
    # What the machine's own init took along is gone a moment later.
    tries=0
    while [ -d "$group" ] && [ "$tries" -lt 200 ]; do
        find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.02
        tries=$((tries + 1))
    done
}
trap leave EXIT

while read -r _; do
    [ -z "$guard" ] || wait "$guard" || :
    sh -eu -c '
        trap "echo failed" EXIT
        group=$1
        shift
        read -r self _ </proc/self/stat
        echo "$self" >"$group/cgroup.procs"
        exec unshare --mount --pid --fork --cgroup --ipc --uts --net --kill-child=KILL -- sh "$@"
    ' guard "$group" "$init" "$PWD/root" "$@" </dev/null &
    guard=$!
done
