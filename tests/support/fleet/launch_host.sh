# shellcheck shell=bash
# Runs in new mount, process, UTS, IPC and (with systemd) cgroup namespaces, still on the machine's own root: makes
# the host's tree ready, changes over to it for good, and becomes its init.
#     bash launch_host.sh ROOT NAME systemd|plain
set -euo pipefail
root=$1 name=$2 init=$3

hostname "$name"
mount --make-rprivate /
mount --bind "$root" "$root"

mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
# The kernel's settings are the machine's, and read-only here; only those of the host's own network may be set.
mount --bind "$root/proc/sys" "$root/proc/sys"
mount --bind "$root/proc/sys/net" "$root/proc/sys/net"
mount -o remount,bind,ro "$root/proc/sys"
[[ ! -e $root/proc/sysrq-trigger ]] || mount --bind /dev/null "$root/proc/sysrq-trigger"
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"

mount -t tmpfs -o nosuid,mode=755,size=1m tmpfs "$root/dev"
for device in null zero full random urandom tty; do
    : >"$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o nosuid,nodev tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"
ln -s fd/1 "$root/dev/stdout"
ln -s fd/2 "$root/dev/stderr"
mount -t tmpfs -o nosuid,nodev,mode=755 tmpfs "$root/run"
mkdir "$root/run/lock"
mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs "$root/tmp"

if [[ $init == systemd ]]; then
    # Where the machine has cgroups of version 1 too, sysfs offers those: hide them, or systemd would take them.
    mount -t tmpfs -o nosuid,nodev,noexec,mode=755 tmpfs "$root/sys/fs/cgroup"
    mount -t cgroup2 -o nosuid,nodev,noexec none "$root/sys/fs/cgroup"
    command=(/lib/systemd/systemd --system --show-status=0)
else
    # Only an SSH server: tests start what else they want. tini reaps what is left behind.
    command=(/usr/bin/tini -- /bin/sh -c 'mkdir -p /run/sshd; /usr/sbin/sshd; exec sleep infinity')
fi

cd "$root"
mkdir -p .machine
pivot_root . .machine
umount -l /.machine
rmdir /.machine
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 container=mailops "${command[@]}"
