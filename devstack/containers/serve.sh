#!/bin/bash
# A daemon's container: give the configuration this container's name and address, then be the daemon.
#   serve.sh DAEMON...        serve.sh run COMMAND...   (as the daemons' account, with the settings of the file RC)
# CONFIG_DIR: where the configuration is (default /etc/altostack)
set -euo pipefail

name=$(hostname)
address=$(hostname -i)
address=${address%% *}
install -d -m 0755 /run/altostack /run/altostack/etc
for file in "${CONFIG_DIR:-/etc/altostack}"/*.conf; do
    target=/run/altostack/etc/${file##*/}
    install -m 0600 /dev/null "$target"
    sed "s/CONTAINER_NAME/$name/g; s/CONTAINER_ADDRESS/$address/g" "$file" >"$target"
    chown --reference="$file" "$target"
    chmod --reference="$file" "$target"
done
chown altostack: /run/altostack
if [ "$1" = run ]; then
    shift
    # shellcheck source=/dev/null
    if [ -n "${RC:-}" ]; then . "$RC"; fi
    exec setpriv --reuid altostack --regid altostack --clear-groups -- "$@"
fi
exec altostack serve --user altostack "$@"
