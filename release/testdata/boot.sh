#!/bin/sh
# Boots systemd in a container whose files are those of this machine, and runs a script in it. What
# the script changes, outside of the folder /exchange, is kept in memory and gone afterwards.
#
#   unshare --mount sh boot.sh FOLDER
#
# FOLDER is /exchange in the container; the script is /exchange/script. The container has a network
# of its own.
set -e
exchange=$1
base=$exchange/container
mkdir "$base"
mount -t tmpfs tmpfs "$base"
mkdir "$base/upper" "$base/work" "$base/root"
mount -t overlay overlay -o lowerdir=/,upperdir="$base/upper",workdir="$base/work" "$base/root"
od -An -N16 -tx1 /dev/urandom | tr -d " \n" >"$base/root/etc/machine-id" # without one, systemd would enable all services
mkdir "$base/root/exchange"
exec systemd-nspawn -q -D "$base/root" --private-network --register=no --keep-unit --bind="$exchange":/exchange \
  --boot systemd.run=/exchange/script systemd.run_success_action=exit systemd.run_failure_action=exit systemd.show_status=no
