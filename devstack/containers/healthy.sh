#!/bin/bash
# healthy.sh PORT: does the API of this container say that it is well? In bash, for Python takes half a second to start.
set -euo pipefail
exec 3<>"/dev/tcp/127.0.0.1/$1"
printf 'GET /healthcheck HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
read -r -t 10 _ status _ <&3
[ "$status" = 200 ]
