#!/bin/sh
# Makes the base of the stand-ins from Debian's packages: unpacked alone, no maintainer script runs. For an engine that
# reaches no public registry; needs root, mmdebstrap and a Debian mirror.
#
#   tests/stack/stand_ins/base.sh IMAGE
set -eu

image=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

packages=base-files,base-passwd,bash,coreutils,dash,findutils,grep,libc-bin,sed,util-linux,ca-certificates
packages=$packages,ceph-common,ceph-mon,ceph-osd,curl,prometheus,prometheus-alertmanager,radosgw,wget

cat >"$folder/trim" <<'TRIM'
#!/bin/sh
# What no stand-in runs is a third of it.
set -eu
cd "$1"
rm -rf usr/share/doc usr/share/info usr/share/locale usr/share/man var/lib/apt/lists/* var/cache/apt/*
cd usr/bin
rm -f amtool promtool rbd* cephfs-* ceph-bluestore-tool ceph-kvstore-tool ceph-monstore-tool ceph-objectstore-tool \
  ceph-osdomap-tool radosgw-object-expirer
cd "$1"
cp usr/share/base-passwd/passwd.master etc/passwd
cp usr/share/base-passwd/group.master etc/group
install -d -m 1777 tmp var/tmp
ldconfig -r .
TRIM
chmod +x "$folder/trim"

mmdebstrap --quiet --variant=extract --include="$packages" --extract-hook="$folder/trim" trixie "$folder/base.tar"
docker import --change 'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin' "$folder/base.tar" "$image"
