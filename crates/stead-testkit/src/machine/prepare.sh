# Makes a fresh Debian tree a machine that boots quickly and touches nothing outside: `prepare.sh ROOT`
set -eu
cd "$1"
echo machine >etc/hostname
printf '127.0.0.1 localhost machine\n::1 localhost\n' >etc/hosts
: >etc/resolv.conf
# Not the first boot of this system, so that no unit is enabled or disabled on the way.
echo 5d0a41c1a6ce4be59f2a4f0f0b7a5e1d >etc/machine-id
chroot . systemctl --quiet set-default multi-user.target
# The packages are here to be run by tests, under units of the tests' own.
chroot . systemctl --quiet disable redis-server.service
# Each would touch the kernel that the machine shares with others, or only takes time.
chroot . systemctl --quiet mask \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    e2scrub_reap.service dev-hugepages.mount sys-fs-fuse-connections.mount \
    sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
    systemd-modules-load.service systemd-sysctl.service systemd-journald-audit.socket \
    modprobe@configfs.service modprobe@dm_mod.service modprobe@drm.service \
    modprobe@efi_pstore.service modprobe@fuse.service modprobe@loop.service \
    getty.target systemd-networkd-wait-online.service
rm -rf var/cache/apt/archives/*.deb var/lib/apt/lists/*
