#!/bin/bash
# The guest image: built once for each version of its builder, kept in the cache.

guest_image() {
    local hash
    hash=$(cd "$DEVSTACK/guest" && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -c1-12)
    echo "$CACHE_DIR/guest/altostack-guest-$hash.qcow2"
}

guest_image_build() {
    local file
    file=$(guest_image)
    if [ -s "$file" ]; then echo "already built: $file"; return 0; fi
    rm -f "$CACHE_DIR"/guest/altostack-guest-*.qcow2
    nice -n 5 "$DEVSTACK/guest/build.sh" "$file" "$CACHE_DIR/guest" ||
        fail "the guest image could not be built" "$STEP_LOG" "$DEVSTACK/guest/build.sh /tmp/guest.qcow2   shows why"
}
