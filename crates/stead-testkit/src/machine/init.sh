# Becomes a machine's first process: `init.sh ROOT [SOURCE PLACE]…`, in fresh namespaces.
#
# Binds each SOURCE of the outside, read-only, to PLACE within.
set -eu
# Whoever waits for our process id is told that none will come.
trap 'echo failed' EXIT
cd "$1"
shift
# The outer /proc is still mounted: this is our process id as the outside sees it.
read -r self _ </proc/self/stat
mount --bind . .
cd "$PWD"
while [ $# -gt 0 ]; do
    mkdir -p "./${2%/*}"
    if [ -d "$1" ]; then mkdir -p "./$2"; else : >>"./$2"; fi
    mount --bind "$1" "./$2"
    mount -o remount,bind,ro "./$2"
    shift 2
done

mount -t proc -o nosuid,nodev,noexec proc proc
# The kernel's settings are the outside's: nothing in the machine may change them.
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o nosuid,nodev,noexec,ro sysfs sys
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup

# Devices of its own: in the outside's /dev systemd would put its sockets.
mount -t tmpfs -o nosuid,mode=0755 dev dev
mknod -m 666 dev/null c 1 3
mknod -m 666 dev/zero c 1 5
mknod -m 666 dev/full c 1 7
mknod -m 666 dev/random c 1 8
mknod -m 666 dev/urandom c 1 9
mknod -m 666 dev/tty c 5 0
mkdir dev/pts
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr

mount -t tmpfs -o nosuid,nodev,mode=0755 run run
mount -t tmpfs -o nosuid,nodev,mode=1777 tmp tmp
pivot_root . .
umount -l .

echo "$self"
exec env -i container=stead /usr/lib/systemd/systemd --system --log-target=journal >/dev/null 2>&1
