#!/bin/sh
# The life of the Debian package, in the container of boot.sh: installed, started, reloaded, restarted, stopped, removed, purged.
exec >/exchange/log 2>&1
set -eux
trap 'code=$?; set +x; [ $code = 0 ] || systemctl status -n 30 --no-pager socketio-jwt.service socketio-jwt.socket || :; [ $code != 0 ] || echo passed; exit $code' EXIT
package=$(echo /exchange/*.deb)
configuration=/etc/socketio-jwt/socketio-jwt.toml
logged() { journalctl --no-pager -q -o cat -u socketio-jwt.service | grep -F -- "$1"; }
appears() { # waits until a line is in the log
  for _ in $(seq 100); do
    journalctl --sync
    if logged "$1"; then return; fi
    sleep 0.1
  done
  return 1
}
property() { systemctl show --value -p "$1" socketio-jwt.service; }

: the container has no network to wait for
systemctl mask --runtime systemd-networkd-wait-online.service NetworkManager-wait-online.service

: install, which starts nothing
dpkg --force-depends -i "$package"
[ "$(property ActiveState)" = inactive ]
[ "$(stat -c '%a %U %G' /etc/socketio-jwt/secrets)" = "750 root socketio-jwt" ]
socketio-jwt version -v | grep 'github.com/alecthomas/kong'

: without a key it does not start, because there is no development issuer
if systemctl start socketio-jwt.service; then exit 1; fi
appears "--no-login needs the key"
systemctl stop socketio-jwt.service
systemctl reset-failed

: with a key, and on the sockets of systemd
head -c 32 /dev/urandom | base64 >/etc/socketio-jwt/secrets/key
chown root:socketio-jwt /etc/socketio-jwt/secrets/key
chmod 640 /etc/socketio-jwt/secrets/key
sed -i '0,/^# secret-file = "FILE"$/s||secret-file = "/etc/socketio-jwt/secrets/key"|; s|^# metrics = .*|metrics = "localhost:9002"|' $configuration
socketio-jwt config check --config $configuration
systemctl enable --now socketio-jwt.socket socketio-jwt.service
[ "$(property ActiveState)" = active ]
pid=$(property MainPID)
[ "$(stat -c %U /proc/$pid)" = socketio-jwt ]
grep -qE '^CapBnd:\s0+$' /proc/$pid/status
grep -q '^Seccomp:.*2$' /proc/$pid/status
[ "$(property LimitNOFILE)" = 524288 ] # the machine may have a lower limit
socketio-jwt health
socketio-jwt health http://127.0.0.1:9000/ready
socketio-jwt health http://localhost:9002/readyz
token=$(socketio-jwt token mint --sub ada --secret-file /etc/socketio-jwt/secrets/key)
echo "$token" | socketio-jwt probe http://localhost:9000 --token -

: reload
sed -i 's|^log-level = .*|log-level = "debug"|' $configuration
systemctl reload socketio-jwt.service
appears log-level
sed -i 's|^log-level = .*|log-level = "loud"|' $configuration
if systemctl reload socketio-jwt.service; then exit 1; fi
[ "$(property MainPID)" = "$pid" ]
sed -i 's|^log-level = .*|log-level = "info"|' $configuration

: a restart, while systemd keeps the port
systemctl restart socketio-jwt.service
[ "$(property MainPID)" != "$pid" ]
[ "$(property Result)" = success ]
socketio-jwt health

: an upgrade to the same version
dpkg --force-depends -i "$package"
[ "$(property ActiveState)" = active ]

: stop
systemctl stop socketio-jwt.socket socketio-jwt.service
[ "$(property Result)" = success ]
if socketio-jwt health; then exit 1; fi

: remove, which stops it, and purge
systemctl start socketio-jwt.service
dpkg -r socketio-jwt
[ ! -e /usr/bin/socketio-jwt ]
[ -e $configuration ]
[ -z "$(pgrep -x socketio-jwt)" ]
dpkg -P socketio-jwt
[ ! -e /etc/socketio-jwt ]
[ -z "$(find /etc/systemd /lib/systemd /usr/share -name '*socketio-jwt*')" ]
